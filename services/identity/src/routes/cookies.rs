//! The three cookies of the service: the refresh token of browsers, the mark by which a device is known again, and what binds a
//! sign-in at a provider to the browser that it began in.

use axum::extract::{FromRequestParts, OriginalUri};
use brisk_http::Problem;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{COOKIE, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::model::secret::Secret;
use crate::state::IdentityState;

/// A refresh token in a browser.
const REFRESH: &str = "brisk_rt";

/// A device that has signed in.
const DEVICE: &str = "brisk_dev";

/// A sign-in at a provider.
const BINDING: &str = "brisk_oauth";

/// Accounts that a device is known for.
const ACCOUNTS: usize = 5;

/// How long somebody may take at a provider.
const BINDING_LIFE: Duration = Duration::minutes(10);

/// How long a device is known.
const DEVICE_LIFE: Duration = Duration::days(365);

/// The header by which a client asks for its refresh token in a cookie.
const TRANSPORT: &str = "x-brisk-token-transport";

/// What a request says in cookies and in the headers that go with them.
#[derive(Clone, Debug)]
pub(super) struct Cookies {
    pairs: Vec<(String, String)>,
    origin: Option<String>,
    wants_cookie: bool,
    /// The path of `/auth`, as clients write it.
    auth_path: String,
}

impl<S: Sync> FromRequestParts<S> for Cookies {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let uri = parts
            .extensions
            .get::<OriginalUri>()
            .map_or(&parts.uri, |uri| &uri.0);
        let path = uri.path();
        // The set-up stands beside `/auth`, and what it gives out is used there.
        let before = path.find("/auth").or_else(|| path.rfind('/'));
        let before = &path[..before.unwrap_or_default()];
        let text = |name: http::HeaderName| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let pairs = parts
            .headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| Cookie::split_parse(value.to_owned()))
            .filter_map(Result::ok)
            .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
            .collect();
        Ok(Self {
            pairs,
            origin: text(ORIGIN).map(str::to_owned),
            wants_cookie: parts
                .headers
                .get(TRANSPORT)
                .is_some_and(|value| value == "cookie"),
            auth_path: format!("{before}/auth"),
        })
    }
}

/// With the prefix that makes browsers refuse it from anything but a secure connection to this host.
fn name(state: &IdentityState, prefix: &str, plain: &str) -> String {
    if state.is_secure {
        format!("{prefix}{plain}")
    } else {
        plain.to_owned()
    }
}

impl Cookies {
    fn get(&self, name: &str) -> Option<&str> {
        let mut found = self
            .pairs
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            // One name twice is somebody's trick.
            (Some(value), None) => Some(value),
            _ => None,
        }
    }

    /// Whether the client wants its refresh token in a cookie.
    pub(super) const fn wants_cookie(&self) -> bool {
        self.wants_cookie
    }

    /// The client has shown its refresh token in a cookie, and gets the next one there too.
    pub(super) const fn answer_in_cookie(&mut self) {
        self.wants_cookie = true;
    }

    /// The refresh token of a browser, which has to say where it comes from.
    ///
    /// # Errors
    ///
    /// 403 for a page of another origin.
    pub(super) fn refresh(&self, state: &IdentityState) -> Result<Option<&str>, Problem> {
        let Some(token) = self.get(&name(state, "__Secure-", REFRESH)) else {
            return Ok(None);
        };
        let is_ours = self
            .origin
            .as_deref()
            .is_some_and(|origin| state.is_origin(origin));
        if !is_ours {
            return Err(Problem::forbidden(
                "the page that asks is not of an allowed origin",
            ));
        }
        Ok(Some(token))
    }

    /// Sets the refresh token, or takes it away.
    pub(super) fn set_refresh(
        &self,
        state: &IdentityState,
        token: Option<(&str, i64)>,
        headers: &mut HeaderMap,
    ) {
        let (value, life) = token.map_or(("", Duration::ZERO), |(t, s)| (t, Duration::seconds(s)));
        let cookie = Cookie::build((name(state, "__Secure-", REFRESH), value.to_owned()))
            .path(self.auth_path.clone())
            .http_only(true)
            .secure(state.is_secure)
            .same_site(SameSite::Strict)
            .max_age(life)
            .build();
        add(headers, &cookie);
    }

    /// What this browser was given when it went to a provider.
    pub(super) fn binding(&self, state: &IdentityState) -> Option<&str> {
        self.get(&name(state, "__Host-", BINDING))
    }

    /// The device's own name, where it has signed in to this account before.
    pub(super) fn device(&self, state: &IdentityState, email: &str) -> Option<&str> {
        let value = self.get(&name(state, "__Host-", DEVICE))?;
        let mut parts = value.split('.');
        let id = parts.next()?;
        let mark = mark(state, id, email);
        let is_known = parts.any(|known| bool::from(known.as_bytes().ct_eq(mark.as_bytes())));
        is_known.then_some(id)
    }

    /// Marks the device as one that has signed in to this account.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(super) fn know_device(
        &self,
        state: &IdentityState,
        email: &str,
        headers: &mut HeaderMap,
    ) -> Result<(), crate::Error> {
        let before = self
            .get(&name(state, "__Host-", DEVICE))
            .unwrap_or_default();
        let mut parts = before.split('.').filter(|part| part.len() == 43);
        let id = match parts.next() {
            Some(id) => id.to_owned(),
            None => Secret::random("")?.expose().to_owned(),
        };
        let mark = mark(state, &id, email);
        let others = parts.filter(|known| *known != mark).take(ACCOUNTS - 1);
        let value = std::iter::once(id.as_str())
            .chain([mark.as_str()])
            .chain(others);
        let cookie = Cookie::build((
            name(state, "__Host-", DEVICE),
            value.collect::<Vec<_>>().join("."),
        ));
        let cookie = cookie
            .path("/")
            .http_only(true)
            .secure(state.is_secure)
            .same_site(SameSite::Lax)
            .max_age(DEVICE_LIFE)
            .build();
        add(headers, &cookie);
        Ok(())
    }
}

/// Binds the browser to a sign-in at a provider, or unbinds it. The way back is a page of another site that leads here, by a link
/// or, `by_form`, by a form, with which browsers send no cookie that does not allow it.
pub(super) fn set_binding(
    state: &IdentityState,
    value: Option<&str>,
    by_form: bool,
    headers: &mut HeaderMap,
) {
    let life = value.map_or(Duration::ZERO, |_| BINDING_LIFE);
    let value = value.unwrap_or_default().to_owned();
    let cookie = Cookie::build((name(state, "__Host-", BINDING), value))
        .path("/")
        .http_only(true)
        .secure(state.is_secure || by_form)
        .same_site(if by_form {
            SameSite::None
        } else {
            SameSite::Lax
        })
        .max_age(life)
        .build();
    add(headers, &cookie);
}

/// What only we can write beside a device's name, for one account.
fn mark(state: &IdentityState, device: &str, email: &str) -> String {
    use base64::Engine as _;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&state.device_key).expect("any length of key will do");
    mac.update(device.as_bytes());
    mac.update(b"\0");
    mac.update(email.trim().to_lowercase().as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn add(headers: &mut HeaderMap, cookie: &Cookie<'_>) {
    let value = HeaderValue::from_str(&cookie.to_string());
    headers.append(
        SET_COOKIE,
        value.expect("names and values of our cookies are plain"),
    );
}
