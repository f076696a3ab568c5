//! The worker that writes mails and hands them over.

use brisk_core::TenantId;
use brisk_db::{Batch, Session};
use brisk_jobs::{Handler, Job, JobContext, JobOutcome};
use metrics::counter;

use super::errand::Errand;
use super::words;
use crate::error::Error;
use crate::logic::{one_time, tenant, throttle};
use crate::mail::{Draft, MailError};
use crate::model::email::Email;
use crate::model::one_time::Purpose;
use crate::state::IdentityState;
use crate::store::addressee::{AddresseeRow, Addressees};
use crate::store::system::AllTenants;

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
            let Some(errand) = Errand::of(&job, &self.0.sealer) else {
                outcomes.push(JobOutcome::dead("it was sealed with another master key"));
                continue;
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
