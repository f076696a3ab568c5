//! Who a token speaks for, at no statement while an answer is warm.
//!
//! What is remembered of a person and a session is an entry of the kit's cache. It ends when one of the rows changes that it
//! was read from: the user, the session, the tenant, what the user's roles are and allow. So nothing here tells any node that
//! somebody was locked out; writing the row is telling it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{Accounts as Source, Claims, NoAccount, TenantStatus};
use brisk_cache::{Cache, Caches, Policy};
use brisk_core::{
    Clock, FindingKind, Origin, Permissions, Principal, PrincipalKind, Profile, Scope, SignIn,
    TenantId,
};
use brisk_db::{Db, FromRow as _, Session};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{SessionId, UserId};
use crate::model::client::ClientStatus;
use crate::model::user::{User, UserStatus, with_superuser};
use crate::store::account::{AccountRow, Accounts};
use crate::store::client::{Clients, StandingRow, texts};
use crate::store::revoked::Revoked;

/// How long an answer counts while the change stream is not trusted.
const UNTRUSTED: Duration = Duration::from_secs(1);

/// Bytes for accounts: some hundred thousand.
const REMEMBERED: u64 = 128 << 20;

/// A person with one of its sessions.
#[derive(Clone, Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// The tenant's name in addresses.
    pub tenant_slug: String,
    /// The tenant's name for people.
    pub tenant_name: String,
    /// The names of its roles, in order.
    pub roles: Vec<String>,
    /// What it may do.
    pub permissions: Permissions,
    tenant_status: TenantStatus,
    is_deleted: bool,
    epoch: i64,
    session: Option<Standing>,
}

/// A session, as far as a check looks at it.
#[derive(Clone, Copy, Debug)]
struct Standing {
    ends_at: Timestamp,
    is_revoked: bool,
    auth_time: Timestamp,
}

impl Account {
    fn new(tenant: TenantId, id: UserId, row: AccountRow) -> Self {
        let mut roles: Vec<String> = row
            .roles
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        roles.sort_unstable();
        let session = match (row.session_ends_at, row.auth_time) {
            (Some(ends_at), Some(auth_time)) => Some(Standing {
                ends_at,
                is_revoked: row.session_revoked_at.is_some(),
                auth_time,
            }),
            _ => None,
        };
        Self {
            user: User {
                id,
                tenant_id: tenant,
                email: row.email,
                email_verified: row.email_verified_at.is_some(),
                full_name: row.full_name,
                is_active: row.status == UserStatus::Active,
                is_superuser: row.is_superuser,
                status: row.status,
                locale: row.locale,
                metadata: row.metadata.0,
                created_at: row.created_at,
                updated_at: row.updated_at,
                last_login_at: row.last_login_at,
            },
            tenant_slug: row.tenant_slug,
            tenant_name: row.tenant_name,
            permissions: with_superuser(
                row.permissions.as_deref().unwrap_or_default(),
                row.is_superuser,
            ),
            roles,
            tenant_status: row.tenant_status,
            is_deleted: row.deleted_at.is_some(),
            epoch: row.token_epoch,
            session,
        }
    }

    /// Whether a token with this epoch lets this person in at `now`; answers the session.
    fn check(&self, epoch: i64, now: Timestamp) -> Result<Standing, NoAccount> {
        let session = self
            .session
            .ok_or(NoAccount::Void("there is no such session"))?;
        if self.is_deleted || self.user.status != UserStatus::Active {
            return Err(NoAccount::Void("the user is not active"));
        }
        if session.is_revoked {
            return Err(NoAccount::Void("the session was ended"));
        }
        if session.ends_at <= now {
            return Err(NoAccount::Void("the session has ended"));
        }
        if epoch != self.epoch {
            return Err(NoAccount::Void(
                "it was made before all tokens were told to end",
            ));
        }
        match self.tenant_status {
            TenantStatus::Active => Ok(session),
            TenantStatus::Suspended => Err(NoAccount::Suspended),
            TenantStatus::Deleting => Err(NoAccount::Void("the tenant is being deleted")),
        }
    }

    fn bytes(&self) -> usize {
        let user = &self.user;
        let texts = [
            &user.email,
            &user.full_name,
            &self.tenant_slug,
            &self.tenant_name,
        ];
        size_of::<Self>()
            + texts.map(String::len).iter().sum::<usize>()
            + self
                .roles
                .iter()
                .map(|role| role.len() + size_of::<String>())
                .sum::<usize>()
            + self.permissions.heap_bytes()
            + user.metadata.to_string().len() * 4
    }
}

/// A person and one of its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Who {
    tenant: TenantId,
    user: UserId,
    session: SessionId,
}

/// The people whom tokens speak for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Callers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    known: Cache<Who, Option<Arc<Account>>>,
    machines: Cache<(TenantId, Uuid), Option<Arc<StandingRow>>>,
    revoked: Cache<(), Arc<HashSet<Uuid>>>,
}

impl Callers {
    /// The people of `db`.
    pub(crate) fn new(db: &Db, clock: &Clock) -> Self {
        let caches = Caches::of(db).with_clock(clock);
        let policy = Policy::rows().shared().secret().untrusted_for(UNTRUSTED);
        let known = caches.cache("identity.account", policy.bytes(REMEMBERED));
        let machines = caches.cache("identity.client", policy);
        let revoked = caches.cache("identity.revoked", policy);
        Self(Arc::new(Inner {
            known: known
                .weigh(|_, found: &Option<Arc<Account>>| found.as_deref().map_or(0, Account::bytes))
                .build(),
            machines: machines
                .weigh(|_, found: &Option<Arc<StandingRow>>| {
                    found
                        .as_ref()
                        .map_or(0, |row| size_of::<StandingRow>() + row.heap_bytes())
                })
                .build(),
            revoked: revoked
                .weigh(|(), all: &Arc<HashSet<Uuid>>| all.len() * 2 * size_of::<Uuid>())
                .build(),
            db: db.clone(),
            clock: clock.clone(),
        }))
    }

    /// Reads what every check needs, so that the first request does not.
    ///
    /// # Errors
    ///
    /// When the database cannot answer.
    pub(crate) async fn warm(&self) -> Result<(), Error> {
        let scope = Scope::platform("accounts");
        self.is_revoked(Uuid::nil(), &scope).await.map(|_| ())
    }

    /// For what all tenants' callers share, at the cost of `scope`.
    fn session(&self, scope: &Scope) -> Session {
        let session = self.0.db.session(scope.for_tenant(TenantId::PLATFORM));
        session.expecting(
            FindingKind::SerialReads,
            "nothing is read for a caller before it is known who calls",
        )
    }

    async fn is_revoked(&self, jti: Uuid, scope: &Scope) -> Result<bool, Error> {
        let load = async move |session: Session| {
            let all = Revoked(&session).list().await?;
            Ok::<_, brisk_db::Error>(Arc::new(all.into_iter().collect::<HashSet<_>>()))
        };
        let all = self.0.revoked.get(&self.session(scope), &(), load).await?;
        Ok(all.contains(&jti))
    }

    async fn known(&self, who: Who, scope: &Scope) -> Result<Option<Arc<Account>>, Error> {
        let load = async move |session: Session| {
            let session = session.for_tenant(who.tenant);
            let row = Accounts(&session).get(who.user, who.session).await?;
            Ok::<_, brisk_db::Error>(
                row.map(|row| Arc::new(Account::new(who.tenant, who.user, row))),
            )
        };
        Ok(self
            .0
            .known
            .get(&self.session(scope), &who, load)
            .await?
            .into_inner())
    }

    async fn find(&self, claims: &Claims, scope: &Scope) -> Result<Arc<Principal>, NoAccount> {
        let Some(session) = claims.session else {
            return self.machine(claims, scope).await;
        };
        let who = Who {
            tenant: claims.tenant,
            user: UserId(claims.subject),
            session: SessionId(session),
        };
        // Side by side, for when neither is known.
        let (account, revoked) =
            futures::join!(self.known(who, scope), self.is_revoked(claims.jti, scope));
        let account = account.map_err(NoAccount::unknown)?;
        let account = account.ok_or(NoAccount::Void("there is no such user"))?;
        let standing = account.check(claims.epoch, self.0.clock.now())?;
        if revoked.map_err(NoAccount::unknown)? {
            return Err(NoAccount::Void("it was revoked"));
        }
        Ok(Arc::new(Principal {
            kind: PrincipalKind::Person,
            id: claims.subject,
            subject: claims.subject.to_string(),
            tenant: Some(claims.tenant),
            role: None,
            permissions: account.permissions.clone(),
            sign_in: Some(SignIn {
                session: Some(session),
                token: claims.jti,
                at: standing.auth_time,
                expires_at: claims.expires_at,
                origin: Origin::Own,
                profile: Some(Profile(account)),
            }),
        }))
    }

    /// A machine: it may do what its token says, as far as the client still has it.
    async fn machine(&self, claims: &Claims, scope: &Scope) -> Result<Arc<Principal>, NoAccount> {
        let key = (claims.tenant, claims.subject);
        let load = async move |session: Session| {
            let session = session.for_tenant(key.0);
            let row = Clients(&session).standing(&key.1.to_string()).await?;
            Ok::<_, brisk_db::Error>(row.map(Arc::new))
        };
        let own = self.session(scope);
        // Side by side, for when neither is known.
        let (found, revoked) = futures::join!(
            self.0.machines.get(&own, &key, load),
            self.is_revoked(claims.jti, scope)
        );
        let found = found.map_err(NoAccount::unknown)?.into_inner();
        let client = found.ok_or(NoAccount::Void("there is no such client"))?;
        if client.status != ClientStatus::Active {
            return Err(NoAccount::Void("the client is disabled"));
        }
        match client.tenant_status {
            TenantStatus::Active => {}
            TenantStatus::Suspended => return Err(NoAccount::Suspended),
            TenantStatus::Deleting => return Err(NoAccount::Void("the tenant is being deleted")),
        }
        if revoked.map_err(NoAccount::unknown)? {
            return Err(NoAccount::Void("it was revoked"));
        }
        let held = Permissions::of(texts(&client.scopes));
        let asked = claims.scope.as_deref().unwrap_or_default().split(' ');
        Ok(Arc::new(Principal {
            kind: PrincipalKind::Client,
            id: claims.subject,
            subject: client.name.clone(),
            tenant: Some(claims.tenant),
            role: None,
            permissions: Permissions::of(asked.filter(|scope| held.allow(scope))),
            sign_in: Some(SignIn {
                session: None,
                token: claims.jti,
                at: claims.auth_time,
                expires_at: claims.expires_at,
                origin: Origin::Own,
                profile: None,
            }),
        }))
    }

    async fn read_again(&self, scope: &Scope) -> Result<(), NoAccount> {
        let who = who(scope.principal()).ok_or(NoAccount::Void("it is no person of ours"))?;
        let session = self.0.db.session(scope.for_tenant(who.tenant)).primary();
        let session = session.expecting(
            FindingKind::RepeatedRead,
            "what cannot be taken back is decided on the row as it is, whatever was read before",
        );
        let row = Accounts(&session).get(who.user, who.session).await;
        let row = row.map_err(NoAccount::unknown)?;
        let row = row.ok_or(NoAccount::Void("there is no such user"))?;
        let account = Account::new(who.tenant, who.user, row);
        // The epoch was compared when the token was looked at; what it is now ends a token that is older.
        account.check(account.epoch, self.0.clock.now()).map(|_| ())
    }
}

impl Account {
    /// The caller, as it was read for this request; none for machines and people of other issuers.
    pub fn of(caller: &Principal) -> Option<&Self> {
        let profile = caller.sign_in.as_ref()?.profile.as_ref()?;
        profile.0.downcast_ref()
    }
}

/// Whom a caller's session belongs to; none for machines and for people of other issuers.
fn who(caller: &Principal) -> Option<Who> {
    let sign_in = caller
        .sign_in
        .as_ref()
        .filter(|s| s.origin == Origin::Own)?;
    Some(Who {
        tenant: caller.tenant?,
        user: UserId(caller.id),
        session: SessionId(sign_in.session?),
    })
}

impl Source for Callers {
    fn caller<'a>(
        &'a self,
        claims: &'a Claims,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, NoAccount>> {
        self.find(claims, scope).boxed()
    }

    fn confirm<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<(), NoAccount>> {
        self.read_again(scope).boxed()
    }
}
