//! What somebody is written to about, and how that waits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_auth::{Sealer, TenantStatus};
use brisk_core::{Scope, TenantId};
use brisk_jobs::{Job, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAIL_JOB, TRIES};
use crate::error::Error;
use crate::ids::UserId;
use crate::logic::throttle;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::one_time::Purpose;
use crate::model::throttle::key;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::addressee::AddresseeRow;

/// The longest name of a tenant that is looked for.
const LONGEST_TENANT: usize = 63;

/// What somebody is written to about. Addresses are in it, secrets never.
#[derive(Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub(crate) enum Errand {
    /// Somebody says that it has forgotten its password.
    PasswordForgotten {
        /// As it is looked up.
        email: String,
        tenant: Option<String>,
    },
    /// Somebody wants the mail again that proves an address.
    ProofWanted {
        email: String,
        tenant: Option<String>,
    },
    /// Somebody does not know in which tenants it is.
    TenantsForgotten { email: String },
    /// Somebody new has to prove its address.
    Proof { user: UserId },
    /// Somebody is invited.
    Invitation { user: UserId },
    /// Somebody wants another address: a mail to that one.
    NewAddress { user: UserId, to: String },
    /// The same, to the address that it has.
    AddressLeft { user: UserId, to: String },
    /// A refresh token was used twice.
    SessionStolen { user: UserId },
}

impl Errand {
    /// In a word: what is counted by, and what files and figures are named after.
    pub(super) const fn about(&self) -> &'static str {
        match self {
            Self::PasswordForgotten { .. } => "password_reset",
            Self::ProofWanted { .. } | Self::Proof { .. } => "email_verify",
            Self::TenantsForgotten { .. } => "tenants",
            Self::Invitation { .. } => "invite",
            Self::NewAddress { .. } => "email_change",
            Self::AddressLeft { .. } => "email_change_notice",
            Self::SessionStolen { .. } => "session_reuse",
        }
    }

    /// What the mail gives the right to, where it does.
    pub(super) const fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::PasswordForgotten { .. } => Some(Purpose::PasswordReset),
            Self::ProofWanted { .. } | Self::Proof { .. } => Some(Purpose::EmailVerify),
            Self::Invitation { .. } => Some(Purpose::Invite),
            Self::NewAddress { .. } => Some(Purpose::EmailChange),
            Self::TenantsForgotten { .. }
            | Self::AddressLeft { .. }
            | Self::SessionStolen { .. } => None,
        }
    }

    /// Whether this is somebody to be written to about it.
    pub(super) fn concerns(&self, who: &AddresseeRow) -> bool {
        who.tenant_status == TenantStatus::Active
            && match self {
                Self::Invitation { .. } => who.status == UserStatus::Invited,
                Self::Proof { .. } | Self::ProofWanted { .. } => {
                    who.status == UserStatus::Active && who.email_verified_at.is_none()
                }
                Self::PasswordForgotten { .. }
                | Self::TenantsForgotten { .. }
                | Self::NewAddress { .. }
                | Self::AddressLeft { .. }
                | Self::SessionStolen { .. } => who.status == UserStatus::Active,
            }
    }

    /// What is noted with the token. The address is among it: a token does nothing for somebody who has another one by then.
    pub(super) fn payload(&self, who: &AddresseeRow) -> Value {
        match self {
            Self::NewAddress { to, .. } => json!({ "email": who.email_norm, "to": to }),
            _ => json!({ "email": who.email_norm }),
        }
    }

    /// What somebody who was just made is written to about, if anything: an invitation where whoever made it wants that, the
    /// proof of the address where nobody comes in without.
    pub(crate) fn welcome(
        state: &IdentityState,
        user: UserId,
        status: UserStatus,
        is_invited: bool,
    ) -> Option<Self> {
        match status {
            UserStatus::Invited => is_invited.then_some(Self::Invitation { user }),
            UserStatus::Active => {
                let must_prove = state.settings.require_verified_email;
                must_prove.then_some(Self::Proof { user })
            }
            UserStatus::Disabled => None,
        }
    }

    /// A job for somebody of a tenant, which nobody reads but [`Errand::of`].
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub(crate) fn job(&self, state: &IdentityState, tenant: TenantId) -> Result<NewJob, Error> {
        let sealed = state.sealer.seal(&seal_name(tenant), &self.text()?)?;
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        Ok(NewJob::new(tenant, MAIL_JOB, &sealed)?.max_attempts(TRIES))
    }

    /// The errand of a job; none for one that was sealed with another master key.
    pub(super) fn of(job: &Job, sealer: &Sealer) -> Option<Self> {
        let payload: String = job.payload().ok()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let text = sealer.open(&seal_name(job.tenant), &payload)?;
        serde_json::from_slice(&text).ok()
    }

    fn text(&self) -> Result<Vec<u8>, Error> {
        let text = serde_json::to_vec(self).map_err(|source| brisk_jobs::Error::Encode {
            kind: MAIL_JOB,
            source,
        });
        Ok(text?)
    }
}

/// A job of one tenant opens as a job of that tenant only.
fn seal_name(tenant: TenantId) -> Vec<u8> {
    format!("{MAIL_JOB} {tenant}").into_bytes()
}

/// Takes in a wish from somebody of whom nothing is known. Whether anybody has the address is found out by the worker, so the
/// answer says nothing about it, nor does the time that it takes.
///
/// # Errors
///
/// [`Error::TooManyAttempts`] by where the wish comes from.
pub(crate) async fn ask(
    state: &IdentityState,
    scope: &Scope,
    errand: Option<Errand>,
    device: &Device,
) -> Result<(), Error> {
    let session = state.platform(scope);
    let (now, most) = (state.clock.now(), state.settings.mail_requests_per_hour);
    throttle::mails_from(&session, &state.ids, device.ip, most, now).await?;
    // What is no address is nobody's.
    let Some(errand) = errand else {
        return Ok(());
    };
    let mut note = Entry::new(
        "mail.requested",
        TenantId::PLATFORM,
        Actor::default(),
        device.clone(),
    );
    note.tenant = None;
    state.audit.note(note.with("about", errand.about()));
    // One that waits already is not stored again.
    let wish = URL_SAFE_NO_PAD.encode(key(&[&errand.text()?]));
    let job = errand.job(state, TenantId::PLATFORM)?.dedup(wish);
    state.queue.enqueue(&session, vec![job]).await?;
    Ok(())
}

/// An address and a tenant as they were typed; none where no one can have them.
pub(crate) fn named(email: &str, tenant: Option<String>) -> Option<(String, Option<String>)> {
    let email = Email::parse(email)?;
    let is_name = |name: &String| name.len() <= LONGEST_TENANT;
    tenant
        .as_ref()
        .is_none_or(is_name)
        .then_some((email.norm, tenant))
}
