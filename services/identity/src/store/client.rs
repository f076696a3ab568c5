//! The machine clients of the tenant.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, Session, statements};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::client::{Client, ClientStatus};
use crate::model::secret::SecretHash;

/// A client as lists show it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ClientRow {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) scopes: Json<Value>,
    pub(crate) token_ttl_s: i64,
    pub(crate) status: ClientStatus,
    pub(crate) has_second_secret: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The texts of a JSON list.
pub(crate) fn texts(list: &Json<Value>) -> Vec<String> {
    let all = list.0.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

impl From<ClientRow> for Client {
    fn from(row: ClientRow) -> Self {
        Self {
            scopes: texts(&row.scopes),
            client_id: row.client_id,
            name: row.name,
            token_ttl_s: row.token_ttl_s,
            status: row.status,
            has_second_secret: row.has_second_secret,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What the check of a request looks at.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct StandingRow {
    pub(crate) name: String,
    pub(crate) scopes: Json<Value>,
    pub(crate) status: ClientStatus,
    pub(crate) tenant_status: brisk_auth::TenantStatus,
}

statements! {
    prefix "identity.client";

    /// One client, for the check of a request.
    pub(crate) STANDING(tenant: TenantId, client: String) -> Option<StandingRow>
        = "SELECT c.name, c.scopes, c.status, t.status AS tenant_status FROM identity_oauth_clients c
           JOIN brisk_tenants t ON t.id = c.tenant_id
           WHERE c.tenant_id = $1 AND c.client_id = $2";

    /// One client.
    pub(crate) GET(tenant: TenantId, client: String) -> Option<ClientRow>
        = "SELECT client_id, name, scopes, token_ttl_s, status, secret2_hash IS NOT NULL AS has_second_secret, created_at, updated_at
           FROM identity_oauth_clients WHERE tenant_id = $1 AND client_id = $2";

    /// All clients, of which a tenant has at most a thousand.
    pub(crate) LIST(tenant: TenantId) -> Vec<ClientRow>
        = "SELECT client_id, name, scopes, token_ttl_s, status, secret2_hash IS NOT NULL AS has_second_secret, created_at, updated_at
           FROM identity_oauth_clients WHERE tenant_id = $1 ORDER BY created_at, client_id LIMIT 1000";

    /// A new client.
    pub(crate) INSERT(
        client: String, tenant: TenantId, name: String, hash: Vec<u8>, grants: Json<Value>, scopes: Json<Value>, ttl: i64,
        now: Timestamp,
    ) -> Affected
        = "INSERT INTO identity_oauth_clients
             (client_id, tenant_id, name, secret_hash, grant_types, scopes, token_ttl_s, status, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $8)";

    /// All that can be changed.
    pub(crate) UPDATE(
        tenant: TenantId, client: String, name: String, scopes: Json<Value>, ttl: i64, status: ClientStatus, now: Timestamp,
    ) -> Affected
        = "UPDATE identity_oauth_clients SET name = $3, scopes = $4, token_ttl_s = $5, status = $6, updated_at = $7
           WHERE tenant_id = $1 AND client_id = $2";

    /// Another secret; the one before counts on until the next time.
    pub(crate) ROTATE(tenant: TenantId, client: String, hash: Vec<u8>, now: Timestamp) -> Affected
        = "UPDATE identity_oauth_clients SET secret2_hash = secret_hash, secret_hash = $3, updated_at = $4
           WHERE tenant_id = $1 AND client_id = $2";

    /// Away with it, and with its tokens at once.
    pub(crate) DELETE(tenant: TenantId, client: String) -> Affected
        = "DELETE FROM identity_oauth_clients WHERE tenant_id = $1 AND client_id = $2";
}

/// Everything that the tenant asks of `identity_oauth_clients`.
pub(crate) struct Clients<'a>(pub(crate) &'a Session);

impl Clients<'_> {
    pub(crate) async fn standing(&self, client: &str) -> Result<Option<StandingRow>, Error> {
        self.0
            .run(&STANDING, (self.0.tenant(), client.to_owned()))
            .await
    }

    pub(crate) async fn get(&self, client: &str) -> Result<Option<Client>, Error> {
        let row = self
            .0
            .run(&GET, (self.0.tenant(), client.to_owned()))
            .await?;
        Ok(row.map(Client::from))
    }

    pub(crate) async fn list(&self) -> Result<Vec<Client>, Error> {
        let rows = self.0.run(&LIST, (self.0.tenant(),)).await?;
        Ok(rows.into_iter().map(Client::from).collect())
    }

    pub(crate) async fn insert(&self, client: &Client, hash: SecretHash) -> Result<u64, Error> {
        let params = (
            client.client_id.clone(),
            self.0.tenant(),
            client.name.clone(),
            hash.to_vec(),
            Json(json!(["client_credentials"])),
            Json(json!(client.scopes)),
            client.token_ttl_s,
            client.created_at,
        );
        self.0.run(&INSERT, params).await
    }

    pub(crate) async fn update(&self, client: &Client) -> Result<u64, Error> {
        let params = (
            self.0.tenant(),
            client.client_id.clone(),
            client.name.clone(),
            Json(json!(client.scopes)),
            client.token_ttl_s,
            client.status,
            client.updated_at,
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn rotate(
        &self,
        client: &str,
        hash: SecretHash,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let params = (self.0.tenant(), client.to_owned(), hash.to_vec(), now);
        self.0.run(&ROTATE, params).await
    }

    pub(crate) async fn delete(&self, client: &str) -> Result<u64, Error> {
        self.0
            .run(&DELETE, (self.0.tenant(), client.to_owned()))
            .await
    }
}
