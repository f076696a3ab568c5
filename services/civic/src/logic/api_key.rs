//! The API keys of a tenant.

use brisk_auth::{ApiKey, ApiKeyId, CreatedKey, Keys, NewKey};
use serde_json::Value;

use super::Setup;
use crate::error::Error;
use crate::model::setup::ApiKeyFields;

pub(crate) async fn page(
    setup: &Setup,
    keys: &Keys,
    after: ApiKeyId,
    limit: u32,
) -> Result<Vec<ApiKey>, Error> {
    let tenant = Some(setup.tenant());
    Ok(keys.page(&setup.session, tenant, after, limit).await?)
}

/// Makes a key, whose text is in the answer and nowhere else.
pub(crate) async fn create(setup: &Setup, keys: &Keys, body: &Value) -> Result<CreatedKey, Error> {
    let fields = ApiKeyFields::read(body, setup.clock.now())?;
    let new = NewKey {
        tenant: Some(setup.tenant()),
        name: fields.name,
        role: fields.role,
        rate_per_min: fields.rate_per_min,
        expires_at: fields.expires_at,
    };
    Ok(keys.create(&setup.session, new).await?)
}

/// Takes a key back; it stays in the list with its end.
pub(crate) async fn revoke(setup: &Setup, keys: &Keys, id: ApiKeyId) -> Result<(), Error> {
    let tenant = Some(setup.tenant());
    if keys.revoke(&setup.session, tenant, id).await? {
        Ok(())
    } else {
        Err(Error::NotFound { what: "API key" })
    }
}
