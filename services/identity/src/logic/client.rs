//! Machine clients are made, changed and let in.

use brisk_auth::{IssuedToken, NewToken, TenantStatus};
use brisk_core::{FieldError, Permissions, Scope, TenantId};
use brisk_db::Session;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::error::Error;
use crate::logic::rights;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::client::{Client, ClientStatus, TOKEN_LIFE, granted};
use crate::model::secret::{Secret, hash};
use crate::state::IdentityState;
use crate::store::client::{Clients, texts};
use crate::store::system::AllTenants;

/// What stands before a client's secret.
const PREFIX: &str = "brs_";

const NOT_FOUND: Error = Error::NotFound { what: "client" };

/// What somebody says of a client; what is left out stays, or is as usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientChange {
    pub(crate) name: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) token_ttl_s: Option<i64>,
    pub(crate) status: Option<ClientStatus>,
}

impl ClientChange {
    fn apply(self, client: &mut Client, caller: &Permissions) -> Result<(), Error> {
        let mut errors = Vec::new();
        if let Some(name) = self.name {
            name.trim().clone_into(&mut client.name);
        }
        if client.name.is_empty() || client.name.chars().count() > 200 {
            errors.push(FieldError::new(
                "name",
                "length",
                "must have 1 to 200 characters",
            ));
        }
        if let Some(scopes) = self.scopes {
            if scopes.len() > 64 || scopes.iter().any(|scope| !Permissions::is_name(scope)) {
                let message = "must be at most 64 names of permissions";
                errors.push(FieldError::new("scopes", "format", message));
            }
            client.scopes = scopes;
        }
        if let Some(life) = self.token_ttl_s {
            let (least, most) = (TOKEN_LIFE.0.as_secs(), TOKEN_LIFE.1.as_secs());
            if !u64::try_from(life).is_ok_and(|life| (least..=most).contains(&life)) {
                errors.push(FieldError::new(
                    "token_ttl_s",
                    "range",
                    "must be from 60 to 86400",
                ));
            }
            client.token_ttl_s = life;
        }
        if let Some(status) = self.status {
            client.status = status;
        }
        if !errors.is_empty() {
            return Err(Error::Fields(errors));
        }
        // Nobody lends what it does not have.
        if !caller.cover(&Permissions::of(&client.scopes)) {
            return Err(Error::Forbidden(
                "the client would have a permission that you have not",
            ));
        }
        Ok(())
    }
}

fn entry(session: &Session, action: &'static str, device: &Device, client: &str) -> Entry {
    let actor = Actor::of(session.scope().principal());
    Entry::new(action, session.tenant(), actor, device.clone()).on("client", client)
}

/// Makes a client; its secret is in the answer and is stored nowhere.
pub(crate) async fn create(
    state: &IdentityState,
    scope: &Scope,
    new: ClientChange,
    device: &Device,
) -> Result<(Client, Secret), Error> {
    let now = state.clock.now();
    let mut client = Client {
        client_id: state.ids.uuid().to_string(),
        name: String::new(),
        scopes: Vec::new(),
        token_ttl_s: 900,
        status: ClientStatus::Active,
        has_second_secret: false,
        created_at: now,
        updated_at: now,
    };
    new.apply(&mut client, &scope.principal().permissions)?;
    let secret = Secret::random(PREFIX)?;
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            Clients(&session).insert(&client, secret.hash()).await?;
            let entry = entry(&session, "client.created", device, &client.client_id);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok((client, secret))
}

/// Changes a client.
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    id: &str,
    change: ClientChange,
    device: &Device,
) -> Result<Client, Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let clients = Clients(&session);
            let mut client = clients.get(id).await?.ok_or(NOT_FOUND)?;
            change
                .clone()
                .apply(&mut client, &scope.principal().permissions)?;
            client.updated_at = state.clock.now();
            clients.update(&client).await?;
            let entry = entry(&session, "client.updated", device, id);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(client)
        })
        .await
}

/// Gives a client another secret; the one before counts until the next time.
pub(crate) async fn rotate(
    state: &IdentityState,
    scope: &Scope,
    id: &str,
    device: &Device,
) -> Result<(Client, Secret), Error> {
    let secret = Secret::random(PREFIX)?;
    let session = state.db.session(scope.clone());
    let client = session
        .transaction(async |session: Session| {
            let clients = Clients(&session);
            let mut client = clients.get(id).await?.ok_or(NOT_FOUND)?;
            // Whoever has the secret has what the client has.
            let scopes = Permissions::of(&client.scopes);
            rights::cover(scope.principal(), session.tenant(), &scopes)?;
            let now = state.clock.now();
            if clients.rotate(id, secret.hash(), now).await? == 0 {
                return Err(NOT_FOUND);
            }
            client.has_second_secret = true;
            client.updated_at = now;
            let entry = entry(&session, "client.secret_rotated", device, id).secret("secret");
            state.audit.with(&session, entry).await?;
            Ok(client)
        })
        .await?;
    Ok((client, secret))
}

/// Deletes a client; its tokens are void at once.
pub(crate) async fn delete(
    state: &IdentityState,
    scope: &Scope,
    id: &str,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            if Clients(&session).delete(id).await? == 0 {
                return Err(NOT_FOUND);
            }
            let entry = entry(&session, "client.deleted", device, id);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await
}

/// A client that has shown its secret.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) scopes: Vec<String>,
    pub(crate) token_ttl_s: i64,
}

/// The client with this id and secret; none whatever is wrong.
pub(crate) async fn authenticate(
    state: &IdentityState,
    scope: &Scope,
    id: &str,
    secret: &str,
) -> Result<Option<Known>, Error> {
    let Ok(uuid) = Uuid::try_parse(id) else {
        return Ok(None);
    };
    let row = AllTenants(&state.platform(scope))
        .client(&uuid.to_string())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let shown = hash(secret);
    let hashes = [&row.secret_hash, &row.secret2_hash];
    let is_right = hashes
        .into_iter()
        .flatten()
        .any(|stored| bool::from(stored.ct_eq(&shown)));
    let may = row.status == ClientStatus::Active && row.tenant_status == TenantStatus::Active;
    Ok((is_right && may).then(|| Known {
        id: uuid,
        tenant: row.tenant_id,
        scopes: texts(&row.scopes),
        token_ttl_s: row.token_ttl_s,
    }))
}

/// A token for a client; none where it asks for a scope that it has not.
pub(crate) fn token(
    state: &IdentityState,
    client: &Known,
    asked: Option<&str>,
) -> Result<Option<(IssuedToken, String)>, Error> {
    let Some(scopes) = granted(&client.scopes, asked) else {
        return Ok(None);
    };
    let scope = scopes.join(" ");
    let life = u64::try_from(client.token_ttl_s).unwrap_or_default();
    let issued = state.tokens.issue(NewToken {
        subject: client.id,
        tenant: client.tenant,
        session: None,
        client: client.id.to_string(),
        epoch: 0,
        auth_time: state.clock.now(),
        amr: Vec::new(),
        scope: Some(scope.clone()),
        permissions: Vec::new(),
        ttl: Some(std::time::Duration::from_secs(life)),
    })?;
    Ok(Some((issued, scope)))
}
