//! Mails are jobs: asked for with what they are about, written and sent by a worker.
//!
//! Whoever asks, or changes something, stores who is to be written to and why; the token that a mail carries is made just
//! before the mail leaves. So no secret stands in a job, asking takes as long for an address that nobody has, and a try that
//! failed is repeated with a token of its own, which ends the one before it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_auth::TenantStatus;
use brisk_core::{Scope, TenantId};
use brisk_db::{Batch, Session};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome, NewJob, RetryPolicy};
use metrics::counter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::ids::UserId;
use crate::logic::words;
use crate::logic::{one_time, tenant, throttle};
use crate::mail::{Draft, MailError};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::one_time::Purpose;
use crate::model::throttle::key;
use crate::model::user::UserStatus;
use crate::state::IdentityState;
use crate::store::addressee::{AddresseeRow, Addressees};
use crate::store::system::AllTenants;

/// The job that sends a mail.
pub(crate) const MAIL_JOB: &str = "identity.mail";

/// Tries before a mail is given up.
const TRIES: u32 = 5;

/// Mail servers that are busy, or that let strangers wait, want some minutes.
pub(crate) const RETRY: RetryPolicy = RetryPolicy {
    base: Duration::from_secs(30),
    cap: Duration::from_mins(10),
};

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
    const fn about(&self) -> &'static str {
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
    const fn purpose(&self) -> Option<Purpose> {
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
    fn concerns(&self, who: &AddresseeRow) -> bool {
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
    fn payload(&self, who: &AddresseeRow) -> Value {
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

    /// A job for somebody of a tenant.
    ///
    /// # Errors
    ///
    /// None that is known of: an errand is always JSON.
    pub(crate) fn job(&self, tenant: TenantId) -> Result<NewJob, Error> {
        Ok(NewJob::new(tenant, MAIL_JOB, self)?.max_attempts(TRIES))
    }
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
    let job = errand.job(TenantId::PLATFORM)?.dedup(wish(&errand)?);
    state.queue.enqueue(&session, vec![job]).await?;
    Ok(())
}

/// A name of the wish, by which one that waits is not stored again.
fn wish(errand: &Errand) -> Result<String, Error> {
    let text = serde_json::to_vec(errand).map_err(|source| brisk_jobs::Error::Encode {
        kind: MAIL_JOB,
        source,
    })?;
    Ok(URL_SAFE_NO_PAD.encode(key(&[&text])))
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

/// What became of an errand, as the figures call it.
enum Fate {
    Sent,
    /// Nobody is to be written to.
    Nobody,
    /// There were enough mails of this kind to this address.
    Limited,
    /// The installation sends no mails.
    Closed,
}

impl Fate {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Nobody => "nobody",
            Self::Limited => "limited",
            Self::Closed => "closed",
        }
    }
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("the mail could not be written: {0}")]
    Unwritten(#[from] Error),
    #[error(transparent)]
    Unsent(#[from] MailError),
}

/// Sends mails. One that was cut off is sent again: rather twice than never.
#[derive(Clone, Debug)]
pub(crate) struct Postman(pub(crate) IdentityState);

impl Handler for Postman {
    async fn handle(&self, ctx: JobContext, jobs: Vec<Job>) -> Vec<JobOutcome> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            let errand = match job.payload::<Errand>() {
                Ok(errand) => errand,
                Err(e) => {
                    outcomes.push(JobOutcome::dead(e));
                    continue;
                }
            };
            let about = errand.about();
            let fate = self.run(&ctx, &job, &errand).await;
            let (result, outcome) = match fate {
                Ok(fate) => (fate.as_str(), JobOutcome::Done),
                Err(e) => {
                    tracing::warn!(about, attempt = job.attempt, error = %e, "a mail was not sent");
                    match e {
                        Undelivered::Unsent(MailError::Never(_)) => {
                            ("refused", JobOutcome::dead(e))
                        }
                        Undelivered::Unsent(MailError::Later(_)) | Undelivered::Unwritten(_) => {
                            ("failed", JobOutcome::retry(e))
                        }
                    }
                }
            };
            counter!("brisk_identity_mail_total", "about" => about, "result" => result)
                .increment(1);
            outcomes.push(outcome);
        }
        outcomes
    }
}

impl Postman {
    async fn run(&self, ctx: &JobContext, job: &Job, errand: &Errand) -> Result<Fate, Undelivered> {
        let state = &self.0;
        if !state.post.is_open() {
            return Ok(Fate::Closed);
        }
        let mut people = self.people(ctx, job.tenant, errand).await?;
        people.retain(|who| errand.concerns(who));
        let Some(first) = people.first() else {
            return Ok(Fate::Nobody);
        };
        let to = match errand {
            Errand::NewAddress { to, .. } | Errand::AddressLeft { to, .. } => to.clone(),
            _ => first.email.clone(),
        };
        // A repeated try is no further mail.
        if job.attempt <= 1 && !self.may_write(ctx.session(), errand, &to).await? {
            return Ok(Fate::Limited);
        }
        let links = self.tokens(ctx.session(), errand, &people).await?;
        let letter = words::letter(errand, &people, &links);
        let draft = Draft {
            purpose: errand.about(),
            id: state.ids.uuid(),
            at: state.clock.now(),
            to: &to,
            letter: &letter,
        };
        state.post.send(draft).await?;
        Ok(Fate::Sent)
    }

    /// Everybody whom the errand is about.
    async fn people(
        &self,
        ctx: &JobContext,
        of: TenantId,
        errand: &Errand,
    ) -> Result<Vec<AddresseeRow>, Error> {
        let (email, name) = match errand {
            Errand::PasswordForgotten { email, tenant } | Errand::ProofWanted { email, tenant } => {
                (email, tenant.as_deref())
            }
            Errand::TenantsForgotten { email } => (email, None),
            Errand::Proof { user }
            | Errand::Invitation { user }
            | Errand::NewAddress { user, .. }
            | Errand::AddressLeft { user, .. }
            | Errand::SessionStolen { user } => {
                let session = ctx.session_of(of);
                let found = Addressees(&session).get(*user).await?;
                return Ok(found.into_iter().collect());
            }
        };
        let only = match name {
            None => None,
            Some(name) => match tenant::named(&self.0, name).await? {
                Some(tenant) => Some(tenant.id),
                None => return Ok(Vec::new()),
            },
        };
        Ok(AllTenants(ctx.session()).addressees(email, only).await?)
    }

    async fn may_write(&self, session: &Session, errand: &Errand, to: &str) -> Result<bool, Error> {
        let state = &self.0;
        let norm = Email::parse(to).map_or_else(|| to.to_owned(), |email| email.norm);
        let (about, now) = (errand.about(), state.clock.now());
        throttle::may_write_to(session, &state.ids, &norm, about, now).await
    }

    /// The links of the mail, one for each of `people`; none where it gives no right.
    async fn tokens(
        &self,
        session: &Session,
        errand: &Errand,
        people: &[AddresseeRow],
    ) -> Result<Vec<String>, Error> {
        let state = &self.0;
        let Some(purpose) = errand.purpose() else {
            return Ok(Vec::new());
        };
        let mut batch = Batch::new();
        let made = people.iter().map(|who| {
            let (own, payload) = (session.for_tenant(who.tenant_id), errand.payload(who));
            one_time::issue(state, &own, who.id, purpose, payload, &mut batch)
        });
        let tokens = made.collect::<Result<Vec<_>, _>>()?;
        session.batch(batch).await?;
        let page = match purpose {
            Purpose::PasswordReset => "reset",
            Purpose::EmailChange => "email",
            Purpose::Invite => "invite",
            Purpose::EmailVerify
            | Purpose::LoginExchange
            | Purpose::MfaChallenge
            | Purpose::TenantChoice => "verify",
        };
        let links = tokens.iter().map(|t| state.post.link(page, t.expose()));
        Ok(links.collect())
    }
}
