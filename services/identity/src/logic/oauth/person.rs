//! Who somebody of a provider is here: found, recognised, invited, made, or none of it.

use brisk_auth::TenantStatus;
use brisk_core::{FindingKind, Scope, TenantId};
use brisk_db::{Batch, Json, OnConflict, Session, together};
use jiff::Timestamp;
use serde_json::json;

use super::{finish, providers};
use crate::error::Error;
use crate::ids::UserId;
use crate::logic::tenant;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::oauth::{Intent, Profile};
use crate::model::one_time::Purpose;
use crate::model::provider::{AutoLink, Provider, Provisioning};
use crate::model::secret::SecretHash;
use crate::model::user::UserStatus;
use crate::settings::Registration;
use crate::state::IdentityState;
use crate::store::identity::{Identities, NewIdentityRow, StandingRow};
use crate::store::oauth_state::OauthStateRow;
use crate::store::one_time::OneTimeRow;
use crate::store::role::Roles;
use crate::store::role_admin::RoleAdmin;
use crate::store::system::AllTenants;
use crate::store::user::{NewUser, Users};
use crate::store::user_admin::UserRoleRow;

const LINKED_ELSEWHERE: Error = Error::Conflict {
    field: "provider",
    detail: "this account of the provider belongs to somebody else here",
};

const NOBODY: Error =
    Error::Forbidden("nobody here has this account of the provider; ask for an invitation");

/// Somebody who has come from a provider, with all that is needed to decide about it.
struct Arrival<'a> {
    state: &'a IdentityState,
    scope: &'a Scope,
    provider: &'a Provider,
    profile: &'a Profile,
    device: &'a Device,
    now: Timestamp,
}

/// Who it is.
///
/// # Errors
///
/// [`Error::TenantChoice`] where there are several, [`Error::AccountLinkRequired`] where somebody has its address,
/// [`Error::Forbidden`] where there is nobody and nobody may be made, [`Error::Conflict`] where it is somebody else than who
/// links.
pub(super) async fn find(
    state: &IdentityState,
    scope: &Scope,
    provider: &Provider,
    profile: &Profile,
    row: &OauthStateRow,
    device: &Device,
) -> Result<StandingRow, Error> {
    let arrival = Arrival {
        state,
        scope,
        provider,
        profile,
        device,
        now: state.clock.now(),
    };
    let found = arrival.find(row).await;
    // Another browser of the same person was a moment faster: now it is known.
    match found {
        Err(Error::Db(error)) if error.unique_rule().is_some() => arrival.find(row).await,
        other => other,
    }
}

impl Arrival<'_> {
    async fn find(&self, row: &OauthStateRow) -> Result<StandingRow, Error> {
        let (known, holders, invite) = self.look(row).await?;
        if let (Intent::Link, Some(tenant), Some(user)) = (row.intent, row.tenant_id, row.user_id) {
            return self.link(known, tenant, user).await;
        }
        let invite = invite.filter(|invite| {
            invite.consumed_at.is_none() && row.tenant_id.is_none_or(|t| t == invite.tenant_id)
        });
        let only_holder = match holders.as_slice() {
            [only] if self.profile.is_verified => Some(only.tenant_id),
            _ => None,
        };
        let invited_to = invite.as_ref().map(|invite| invite.tenant_id);
        let target = match (row.tenant_id.or(invited_to), known.as_slice()) {
            (Some(tenant), _) => Some(tenant),
            (None, [only]) => Some(only.tenant_id),
            (None, []) => only_holder,
            (None, many) => {
                let slug = &self.provider.spec.slug;
                return Err(finish::choice(self.state, self.scope, many, slug).await?);
            }
        };
        let Some(target) = target else {
            return self.found_a_tenant().await;
        };
        let in_target = |who: &StandingRow| who.tenant_id == target;
        if let Some(who) = known.into_iter().find(in_target) {
            return Ok(who);
        }
        if let (Some(invite), Some(hash)) = (invite, &row.invite_hash)
            && let Some(who) = self.welcome(&invite, hash).await?
        {
            return Ok(who);
        }
        match holders.into_iter().find(in_target) {
            Some(holder) => self.recognise(holder).await,
            None => self.join(target).await,
        }
    }

    /// Who has this identity, who has this address, and who was invited: asked side by side.
    async fn look(
        &self,
        row: &OauthStateRow,
    ) -> Result<(Vec<StandingRow>, Vec<StandingRow>, Option<OneTimeRow>), Error> {
        let platform = self.state.platform(self.scope);
        let all = AllTenants(&platform);
        let (key, subject) = (self.provider.account_key(), &self.profile.subject);
        let email = self.profile.email.as_ref();
        // Of a tenant's own provider nobody is known elsewhere.
        let tenant = row.tenant_id.or(self.provider.tenant);
        let holders = async {
            match email {
                Some(email) => all.holders(&email.norm, tenant, self.now).await,
                None => Ok(Vec::new()),
            }
        };
        let invite: Option<SecretHash> = row.invite_hash.as_deref().and_then(|h| h.try_into().ok());
        let invited = async {
            match invite {
                Some(hash) => all.shown_one_time(hash, Purpose::Invite, self.now).await,
                None => Ok(None),
            }
        };
        let known = all.known_at_provider(key, subject, tenant, self.now);
        let found = together((known, holders, invited)).await.all();
        found.map_err(|failed| Error::Db(failed.into_first()))
    }

    /// Links the provider to who has asked for it, signed in.
    async fn link(
        &self,
        known: Vec<StandingRow>,
        tenant: TenantId,
        user: UserId,
    ) -> Result<StandingRow, Error> {
        if let Some(who) = known.into_iter().find(|who| who.tenant_id == tenant) {
            return if who.id == user {
                Ok(who)
            } else {
                Err(LINKED_ELSEWHERE)
            };
        }
        let session = self.state.session(self.scope, tenant);
        let who = Identities(&session).standing(user, self.now).await?;
        let who = who.ok_or(providers::NO_PROVIDER)?;
        self.attach(&session, who, "identity.linked").await
    }

    /// Takes somebody with this address for the same person, where all sides vouch for that.
    async fn recognise(&self, holder: StandingRow) -> Result<StandingRow, Error> {
        let spec = &self.provider.spec;
        let is_sure = spec.auto_link == AutoLink::VerifiedBoth
            && spec.trust_email == Some(true)
            && self.profile.is_verified
            && holder.email_verified_at.is_some();
        if !is_sure {
            return Err(Error::AccountLinkRequired);
        }
        let session = self.state.session(self.scope, holder.tenant_id);
        self.attach(&session, holder, "identity.recognised").await
    }

    /// Writes that somebody has this identity.
    async fn attach(
        &self,
        session: &Session,
        mut who: StandingRow,
        action: &'static str,
    ) -> Result<StandingRow, Error> {
        finish::may_come(self.state, &who)?;
        let identity = self.identity(who.tenant_id, who.id);
        who.identity_id = Some(identity.id);
        let mut batch = Batch::new();
        let entry = self.entry(action, &who).on("user", who.id);
        batch.insert_many(vec![identity], OnConflict::Fail);
        self.state.audit.add(&mut batch, [entry]);
        session.batch(batch).await?;
        Ok(who)
    }

    /// Lets in who was invited and shows the invitation; none where that has come already.
    async fn welcome(
        &self,
        invite: &OneTimeRow,
        shown: &[u8],
    ) -> Result<Option<StandingRow>, Error> {
        let Ok(hash) = shown.try_into() else {
            return Ok(None);
        };
        let session = self.state.session(self.scope, invite.tenant_id);
        session
            .transaction(async |session: Session| {
                let purpose = Purpose::Invite;
                let taken = AllTenants(&session)
                    .consume_one_time(hash, purpose, self.now)
                    .await?;
                let people = Identities(&session);
                if taken.is_none() || !people.welcome(invite.user_id, self.now).await? {
                    return Ok(None);
                }
                let Some(who) = people.standing(invite.user_id, self.now).await? else {
                    return Ok(None);
                };
                let who = self
                    .attach(&session, who, "user.invitation_accepted")
                    .await?;
                Ok::<_, Error>(Some(who))
            })
            .await
    }

    /// Makes a member of a tenant that takes people of this provider.
    async fn join(&self, target: TenantId) -> Result<StandingRow, Error> {
        if self.provider.spec.provisioning != Some(Provisioning::CreateInTenant) {
            return Err(NOBODY);
        }
        let email = self
            .profile
            .email
            .as_ref()
            .filter(|email| self.profile.is_verified && self.provider.admits(email));
        let email = email.ok_or(NOBODY)?;
        let tenant = self.state.tenants.get(target).await?.ok_or(NOBODY)?;
        if tenant.status == TenantStatus::Suspended {
            return Err(Error::TenantSuspended);
        }
        let rules = tenant::rules(self.state, target).await?;
        if !rules.admits(email) {
            return Err(NOBODY);
        }
        let session = self.state.session(self.scope, target);
        session
            .transaction(async |session: Session| {
                let mut usual = RoleAdmin(&session).list().await?;
                usual.retain(|role| role.is_default);
                let mut who = self.made(target, &tenant.slug, &tenant.name);
                let user = self.user(who.id, email, false);
                Users(&session).insert(user, self.now).await?;
                let rows = usual.iter().map(|role| UserRoleRow {
                    tenant_id: target,
                    user_id: who.id,
                    role_id: role.id,
                    granted_by: None,
                    granted_at: self.now,
                });
                let mut batch = Batch::new();
                batch.insert_many(rows.collect(), OnConflict::Skip);
                let identity = self.identity(target, who.id);
                who.identity_id = Some(identity.id);
                batch.insert_many(vec![identity], OnConflict::Fail);
                let entry = self.entry("user.created", &who).on("user", who.id);
                self.state.audit.add(&mut batch, [entry]);
                session.batch(batch).await?;
                self.checked(who)
            })
            .await
    }

    /// Makes a tenant, whose owner it is.
    async fn found_a_tenant(&self) -> Result<StandingRow, Error> {
        let is_open = self.state.settings.registration_mode == Registration::OpenTenant;
        if self.provider.spec.provisioning != Some(Provisioning::CreateTenant) || !is_open {
            return Err(NOBODY);
        }
        let email = self.profile.email.as_ref();
        let email = email.ok_or(Error::Forbidden(
            "the provider tells no e-mail address, which an account needs",
        ))?;
        let (key, subject) = (self.provider.account_key(), &self.profile.subject);
        let why = "looked for again where nobody else can come between";
        let platform = self.state.platform(self.scope);
        let platform = platform.expecting(FindingKind::RepeatedRead, why);
        // Serializable: of somebody who comes twice at once one is first, and the other one is known then.
        platform
            .serializable(async |session: Session| {
                let known = AllTenants(&session)
                    .known_at_provider(key, subject, None, self.now)
                    .await?;
                if let Some(who) = known.into_iter().next() {
                    return Ok(who);
                }
                let name: String = self.profile.full_name().chars().take(180).collect();
                let name = format!("{name}'s workspace");
                let (tenant, owner) = tenant::make(self.state, &session, &name).await?;
                let session = session.for_tenant(tenant.id);
                let mut who = self.made(tenant.id, &tenant.slug, &tenant.name);
                let user = self.user(who.id, email, true);
                Users(&session).insert(user, self.now).await?;
                Roles(&session)
                    .assign(who.id, owner, None, self.now)
                    .await?;
                let identity = self.identity(tenant.id, who.id);
                who.identity_id = Some(identity.id);
                let mut batch = Batch::new();
                batch.insert_many(vec![identity], OnConflict::Fail);
                let entry = self
                    .entry("tenant.registered", &who)
                    .on("tenant", tenant.id);
                self.state.audit.add(&mut batch, [entry]);
                session.batch(batch).await?;
                self.checked(who)
            })
            .await
    }

    /// Whether the address counts as proved here.
    fn is_proved(&self) -> bool {
        self.profile.is_verified && self.provider.spec.trust_email == Some(true)
    }

    fn user(&self, id: UserId, email: &Email, is_superuser: bool) -> NewUser {
        NewUser {
            id,
            email: email.clone(),
            is_verified: self.is_proved(),
            password_hash: None,
            full_name: self.profile.full_name(),
            status: UserStatus::Active,
            is_superuser,
            metadata: json!({}),
        }
    }

    /// Somebody new, before it is written.
    fn made(&self, tenant: TenantId, slug: &str, name: &str) -> StandingRow {
        StandingRow {
            id: UserId(self.state.ids.uuid()),
            tenant_id: tenant,
            status: UserStatus::Active,
            token_epoch: 1,
            email_verified_at: self.is_proved().then_some(self.now),
            tenant_status: TenantStatus::Active,
            tenant_slug: slug.to_owned(),
            tenant_name: name.to_owned(),
            settings: Json(json!({})),
            identity_id: None,
            sessions: 0,
        }
    }

    /// Nobody is made who may not come in.
    fn checked(&self, who: StandingRow) -> Result<StandingRow, Error> {
        finish::may_come(self.state, &who)?;
        Ok(who)
    }

    fn identity(&self, tenant: TenantId, user: UserId) -> NewIdentityRow {
        let profile = self.profile;
        NewIdentityRow {
            id: self.state.ids.uuid(),
            tenant_id: tenant,
            user_id: user,
            provider_key: self.provider.account_key().to_owned(),
            subject: profile.subject.clone(),
            email: profile.email.as_ref().map(|email| email.typed.clone()),
            email_verified: profile.is_verified,
            profile: Json(json!({"provider": self.provider.spec.slug, "name": profile.name})),
            linked_at: self.now,
            last_used_at: None,
        }
    }

    fn entry(&self, action: &'static str, who: &StandingRow) -> Entry {
        let actor = Actor {
            user: Some(who.id.0),
            ..Actor::default()
        };
        Entry::new(action, who.tenant_id, actor, self.device.clone())
            .with("provider", self.provider.spec.slug.clone())
    }
}
