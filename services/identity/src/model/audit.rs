//! What the audit log says.

use std::net::IpAddr;

use brisk_core::{Principal, PrincipalKind, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was refused.
    Denied,
    /// It failed.
    Error,
}

impl Outcome {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }

    /// The outcome of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::Ok, Self::Denied, Self::Error].into_iter();
        all.find(|outcome| outcome.as_str() == word)
    }
}

brisk_db::text_column!(Outcome);

/// The longest user agent that is kept.
const LONGEST_AGENT: usize = 512;

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The address, past trusted proxies.
    pub ip: Option<IpAddr>,
    /// The client's name for itself.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

impl Device {
    /// With a user agent cut to what is kept.
    pub fn new(ip: IpAddr, user_agent: Option<&str>, request_id: &str) -> Self {
        Self {
            ip: Some(ip),
            user_agent: user_agent.map(|text| text.chars().take(LONGEST_AGENT).collect()),
            request_id: Some(request_id.to_owned()),
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// A person.
    pub user: Option<Uuid>,
    /// A machine, by its name.
    pub client: Option<String>,
    /// The session.
    pub session: Option<Uuid>,
}

impl Actor {
    /// The caller of a request.
    pub fn of(principal: &Principal) -> Self {
        let session = principal
            .sign_in
            .as_ref()
            .and_then(|sign_in| sign_in.session);
        match principal.kind {
            PrincipalKind::Person => Self {
                user: Some(principal.id),
                client: None,
                session,
            },
            PrincipalKind::Client | PrincipalKind::ApiKey | PrincipalKind::System => Self {
                user: None,
                client: Some(principal.subject.clone()),
                session,
            },
            PrincipalKind::Anonymous => Self::default(),
        }
    }
}

/// One entry before it is written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `resource.what_happened`.
    pub action: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// The tenant; none where it is not known which.
    pub tenant: Option<TenantId>,
    /// Who did it.
    pub actor: Actor,
    /// From where.
    pub device: Device,
    /// To what: kind and id.
    pub resource: (&'static str, String),
    /// `{field: {old, new}}`; secrets as `[redacted]`.
    pub changes: Map<String, Value>,
    /// What else is worth knowing.
    pub metadata: Map<String, Value>,
}

impl Entry {
    /// Something that was done.
    pub fn new(action: &'static str, tenant: TenantId, actor: Actor, device: Device) -> Self {
        Self {
            action,
            outcome: Outcome::Ok,
            tenant: Some(tenant),
            actor,
            device,
            resource: ("", String::new()),
            changes: Map::new(),
            metadata: Map::new(),
        }
    }

    /// To what it was done.
    #[must_use]
    pub fn on(mut self, kind: &'static str, id: impl std::fmt::Display) -> Self {
        self.resource = (kind, id.to_string());
        self
    }

    /// Something that was refused.
    #[must_use]
    pub const fn denied(mut self) -> Self {
        self.outcome = Outcome::Denied;
        self
    }

    /// A field before and after.
    #[must_use]
    pub fn change(mut self, field: &str, old: impl Into<Value>, new: impl Into<Value>) -> Self {
        let change = serde_json::json!({ "old": old.into(), "new": new.into() });
        self.changes.insert(field.to_owned(), change);
        self
    }

    /// A secret that is another one now.
    #[must_use]
    pub fn secret(self, field: &str) -> Self {
        self.change(field, "[redacted]", "[redacted]")
    }

    /// A note.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}
