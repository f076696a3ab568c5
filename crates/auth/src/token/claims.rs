//! What a token says.

use std::time::Duration;

use brisk_core::TenantId;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::config::LONGEST_LIFE;
use crate::error::Error;
use crate::token::refusal::Refusal;
use crate::token::wire::Object;

/// Permissions that a token carries at most.
const MOST_PERMISSIONS: usize = 64;

/// A token to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Whom it speaks for: a user, or a machine client.
    pub subject: Uuid,
    /// The tenant that the subject belongs to.
    pub tenant: TenantId,
    /// The session that it belongs to; none for a machine.
    pub session: Option<Uuid>,
    /// The client that it is handed to.
    pub client: String,
    /// The subject's epoch: raising that ends all earlier tokens.
    pub epoch: i64,
    /// When the subject last proved who it is.
    pub auth_time: Timestamp,
    /// How it did (RFC 8176): `pwd`, `otp`.
    pub amr: Vec<String>,
    /// Scopes, with spaces between them.
    pub scope: Option<String>,
    /// Permissions for verifiers that cannot ask us; usually none, 64 at most.
    pub permissions: Vec<String>,
    /// Another life than that of the settings. It is cut where a replaced key stops to verify.
    pub ttl: Option<Duration>,
}

/// A token that was issued. Its text exists here and nowhere else.
#[derive(Clone)]
pub struct IssuedToken {
    /// What the client presents.
    pub text: String,
    /// Its own id.
    pub jti: Uuid,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("jti", &self.jti)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a token of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// See [`NewToken::subject`].
    pub subject: Uuid,
    /// See [`NewToken::tenant`].
    pub tenant: TenantId,
    /// See [`NewToken::session`].
    pub session: Option<Uuid>,
    /// See [`NewToken::client`].
    pub client: String,
    /// See [`NewToken::epoch`].
    pub epoch: i64,
    /// See [`NewToken::auth_time`]; in whole seconds.
    pub auth_time: Timestamp,
    /// See [`NewToken::amr`].
    pub amr: Vec<String>,
    /// See [`NewToken::scope`].
    pub scope: Option<String>,
    /// See [`NewToken::permissions`].
    pub permissions: Vec<String>,
    /// The token's own id: 128 random bits.
    pub jti: Uuid,
    /// When it was made.
    pub issued_at: Timestamp,
    /// When it begins to count.
    pub not_before: Timestamp,
    /// When it ends, not counting the skew of clocks.
    pub expires_at: Timestamp,
}

/// What a token of somebody else says, as its issuer's settings map it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignClaims {
    /// Whose token it is.
    pub issuer: String,
    /// Its `sub`.
    pub subject: String,
    /// Our id of that person: the version 5 UUID of issuer and subject.
    pub user_id: Uuid,
    /// The tenant; none means that the person has none here, which is a 403.
    pub tenant: Option<TenantHint>,
    /// Roles.
    pub roles: Vec<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// When the token ends, not counting the skew of clocks.
    pub expires_at: Timestamp,
}

/// The tenant that a foreign token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantHint {
    /// Its slug.
    pub slug: String,
    /// A tenant that is not there is made; else it is a 403.
    pub create: bool,
}

/// A token that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// One of ours.
    Own(Claims),
    /// One of another issuer.
    Foreign(ForeignClaims),
}

impl Verified {
    /// When the token ends, not counting the skew of clocks.
    pub const fn expires_at(&self) -> Timestamp {
        match self {
            Self::Own(claims) => claims.expires_at,
            Self::Foreign(claims) => claims.expires_at,
        }
    }
}

/// The claims as they are written.
#[derive(Serialize)]
struct Written<'a> {
    iss: &'a str,
    sub: Uuid,
    aud: &'a str,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: Uuid,
    client_id: &'a str,
    sid: Option<Uuid>,
    tenant_id: i64,
    ver: i64,
    auth_time: i64,
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    permissions: &'a [String],
}

impl Claims {
    /// The claims of a new token, made at `now` to live for `ttl`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for more than 64 permissions.
    pub(crate) fn new(
        new: NewToken,
        jti: Uuid,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Self, Error> {
        if new.permissions.len() > MOST_PERMISSIONS {
            return Err(Error::Invalid {
                field: "permissions",
                code: "length",
                problem: "must be 64 at most",
            });
        }
        let whole = |at: Timestamp| {
            Timestamp::from_second(at.as_second()).expect("a second of a Timestamp is in range")
        };
        let issued_at = whole(now);
        Ok(Self {
            subject: new.subject,
            tenant: new.tenant,
            session: new.session,
            client: new.client,
            epoch: new.epoch,
            auth_time: whole(new.auth_time),
            amr: new.amr,
            scope: new.scope,
            permissions: new.permissions,
            jti,
            issued_at,
            not_before: issued_at,
            expires_at: whole(issued_at.checked_add(ttl).unwrap_or(Timestamp::MAX)),
        })
    }

    /// The part of a token's text that they are.
    pub(crate) fn encode(&self, issuer: &str, audience: &str) -> String {
        let json = serde_json::to_vec(&Written {
            iss: issuer,
            sub: self.subject,
            aud: audience,
            exp: self.expires_at.as_second(),
            iat: self.issued_at.as_second(),
            nbf: self.not_before.as_second(),
            jti: self.jti,
            client_id: &self.client,
            sid: self.session,
            tenant_id: self.tenant.get(),
            ver: self.epoch,
            auth_time: self.auth_time.as_second(),
            amr: &self.amr,
            scope: self.scope.as_deref(),
            permissions: &self.permissions,
        })
        .expect("claims are texts and numbers");
        BASE64URL_NOPAD.encode(&json)
    }

    /// What a token of ours says whose signature was right; the times are judged by [`Claims::in_time`].
    ///
    /// # Errors
    ///
    /// The first claim that is missing, of the wrong type, or meant for others.
    pub(crate) fn read(mut object: Object, issuer: &str, audience: &str) -> Result<Self, Refusal> {
        if object.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(Refusal::Issuer);
        }
        if !names(object.get("aud"), |aud| aud == audience) {
            return Err(Refusal::Audience);
        }
        Ok(Self {
            subject: id(&object, "sub")?,
            tenant: TenantId(integer(&object, "tenant_id")?),
            session: match object.get("sid") {
                // A machine has no session, which the token says.
                Some(Value::Null) => None,
                _ => Some(id(&object, "sid")?),
            },
            epoch: integer(&object, "ver")?,
            auth_time: time(&object, "auth_time")?,
            jti: id(&object, "jti")?,
            issued_at: time(&object, "iat")?,
            not_before: time(&object, "nbf")?,
            expires_at: time(&object, "exp")?,
            client: match object.remove("client_id") {
                Some(Value::String(client)) => client,
                _ => return Err(Refusal::Claim("client_id")),
            },
            scope: match object.remove("scope") {
                None => None,
                Some(Value::String(scope)) => Some(scope),
                Some(_) => return Err(Refusal::Claim("scope")),
            },
            amr: texts(object.remove("amr")).ok_or(Refusal::Claim("amr"))?,
            permissions: match object.remove("permissions") {
                None => Vec::new(),
                some => texts(some).ok_or(Refusal::Claim("permissions"))?,
            },
        })
    }

    /// Their times, if they count at `now`.
    pub(crate) fn in_time(&self, now: Timestamp, skew: Duration) -> Result<Window, Refusal> {
        let window = Window {
            issued_at: Some(self.issued_at),
            not_before: Some(self.not_before),
            expires_at: self.expires_at,
        };
        window.check(now, skew)?;
        let life = self.expires_at.duration_since(self.issued_at);
        if Duration::try_from(life).is_ok_and(|life| life > LONGEST_LIFE) {
            return Err(Refusal::TooLived);
        }
        Ok(window)
    }
}

/// The times of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) issued_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

impl Window {
    pub(crate) fn check(&self, now: Timestamp, skew: Duration) -> Result<(), Refusal> {
        let early = now.checked_sub(skew).unwrap_or(Timestamp::MIN);
        let late = now.checked_add(skew).unwrap_or(Timestamp::MAX);
        if self.expires_at <= early {
            return Err(Refusal::Expired);
        }
        if self.not_before.is_some_and(|at| at > late) {
            return Err(Refusal::NotYet);
        }
        if self.issued_at.is_some_and(|at| at > late) {
            return Err(Refusal::IssuedLater);
        }
        Ok(())
    }
}

/// Whether a claim is a text, or a list of texts, one of which is `wanted`.
pub(crate) fn names(claim: Option<&Value>, wanted: impl Fn(&str) -> bool) -> bool {
    match claim {
        Some(Value::String(one)) => wanted(one),
        Some(Value::Array(list)) => {
            list.iter().all(Value::is_string) && list.iter().filter_map(Value::as_str).any(wanted)
        }
        _ => false,
    }
}

/// A list of texts.
pub(crate) fn texts(claim: Option<Value>) -> Option<Vec<String>> {
    let Some(Value::Array(list)) = claim else {
        return None;
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    list.into_iter().map(text).collect()
}

fn integer(object: &Object, name: &'static str) -> Result<i64, Refusal> {
    let found = object.get(name).and_then(Value::as_i64);
    found.ok_or(Refusal::Claim(name))
}

fn time(object: &Object, name: &'static str) -> Result<Timestamp, Refusal> {
    let seconds = integer(object, name)?;
    let at = Timestamp::from_second(seconds);
    at.ok().filter(|_| seconds >= 0).ok_or(Refusal::Claim(name))
}

fn id(object: &Object, name: &'static str) -> Result<Uuid, Refusal> {
    let text = object.get(name).and_then(Value::as_str);
    text.and_then(|text| Uuid::try_parse(text).ok())
        .ok_or(Refusal::Claim(name))
}
