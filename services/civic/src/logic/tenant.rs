//! Tenants themselves, as far as this service shows them.

use brisk_auth::{NewTenant, Tenant, TenantStatus, Tenants};
use brisk_core::{Role, TenantId};
use serde_json::Value;

use super::Setup;
use crate::error::Error;
use crate::model::setup::{TenantFields, overlay};
use crate::model::{FieldError, FieldErrors};
use crate::settings::kind_of;

const NOT_FOUND: Error = Error::NotFound { what: "tenant" };

/// What can be set of `tenant`, as it is stored.
pub(crate) fn fields_of(tenant: &Tenant) -> TenantFields {
    TenantFields {
        slug: tenant.slug.clone(),
        name: tenant.name.clone(),
        kind: kind_of(tenant),
        timezone: tenant.timezone.clone(),
        locale: tenant.locale.clone(),
        jurisdiction_id: tenant.jurisdiction_id.clone(),
        status: tenant.status.as_str().to_owned(),
    }
}

fn kind(fields: &TenantFields) -> brisk_auth::TenantKind {
    brisk_auth::TenantKind::parse(fields.kind.as_str())
        .expect("the kit knows every kind of this service")
}

pub(crate) async fn get(setup: &Setup) -> Result<Tenant, Error> {
    let tenants = Tenants::new(&setup.session);
    tenants.get(setup.tenant()).await?.ok_or(NOT_FOUND)
}

/// Makes an active tenant.
pub(crate) async fn create(setup: &Setup, body: &Value) -> Result<Tenant, Error> {
    if body.get("status").is_some() {
        return Err(Error::field(
            "status",
            "unknown_field",
            "cannot be chosen for a new tenant",
        ));
    }
    let fields = TenantFields::read(body)?;
    let new = NewTenant {
        timezone: fields.timezone.clone(),
        locale: fields.locale.clone(),
        jurisdiction_id: fields.jurisdiction_id.clone(),
        ..NewTenant::new(&fields.slug, &fields.name, kind(&fields))
    };
    let tenants = Tenants::new(&setup.session);
    Ok(tenants.insert(new, &setup.clock).await?)
}

/// Changes the tenant of the session.
pub(crate) async fn update(setup: &Setup, change: &Value) -> Result<Tenant, Error> {
    check_rights(setup, change)?;
    let tenants = Tenants::new(&setup.session);
    let stored = tenants.get(setup.tenant()).await?.ok_or(NOT_FOUND)?;
    let fields = TenantFields::read(&overlay(&fields_of(&stored), change))?;
    let tenant = Tenant {
        // What this service does not know, such as an organisation of no kind of its own, stays as it is.
        kind: if change.get("type").is_some() {
            kind(&fields)
        } else {
            stored.kind
        },
        status: TenantStatus::parse(&fields.status)
            .expect("the reader lets only the two words through"),
        slug: fields.slug,
        name: fields.name,
        timezone: fields.timezone,
        locale: fields.locale,
        jurisdiction_id: fields.jurisdiction_id,
        ..stored
    };
    tenants.update(tenant, &setup.clock).await?.ok_or(NOT_FOUND)
}

/// Refuses every member that only the platform may change.
fn check_rights(setup: &Setup, change: &Value) -> Result<(), Error> {
    let principal = setup.session.scope().principal();
    if principal.may(Role::PlatformAdmin, TenantId::PLATFORM) {
        return Ok(());
    }
    let refused = |field: &&str| FieldError {
        field: (*field).to_owned(),
        code: "forbidden",
        message: "can be changed by a platform administrator only".to_owned(),
    };
    let named = |field: &&&str| change.get(**field).is_some();
    let errors: Vec<_> = TenantFields::PLATFORM_ONLY
        .iter()
        .filter(named)
        .map(refused)
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(FieldErrors(errors).into())
    }
}
