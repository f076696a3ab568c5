//! A tenant's configuration: read whole, set, and changed in parts.

use serde_json::Value;

use super::Setup;
use crate::error::Error;
use crate::model::TenantKind;
use crate::model::config::{TenantConfig, patch_config};
use crate::settings::{rules_of, tuning_of};
use crate::store::tenant_config::TenantConfigs;

/// How often a change is tried again when others were faster.
const ATTEMPTS: u32 = 5;

/// The configuration in force, and how often it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VersionedConfig {
    pub(crate) version: i64,
    pub(crate) config: TenantConfig,
}

impl VersionedConfig {
    /// The whole configuration, defaults included, with `version` as one more member: what a client may change and
    /// send back.
    pub(crate) fn to_json(&self) -> Value {
        let mut document = self.config.to_json();
        if let Value::Object(members) = &mut document {
            members.insert("version".to_owned(), self.version.into());
        }
        document
    }
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The document replaces what was set.
    Put,
    /// The document is a JSON merge patch (RFC 7386).
    Patch,
}

pub(crate) async fn get(setup: &Setup) -> Result<VersionedConfig, Error> {
    let kind = setup.current().await?.kind;
    let (version, stored) = TenantConfigs(&setup.session).get().await?;
    let config = TenantConfig::from_json(kind, &stored).map_err(|e| Error::Stored {
        what: "configuration",
        id: setup.tenant().get(),
        reason: e.to_string(),
    })?;
    Ok(VersionedConfig { version, config })
}

/// Writes `document`. A version, given as `expected` or as the document's member `version`, must be the current one;
/// without one the write waits its turn among others.
pub(crate) async fn write(
    setup: &Setup,
    how: Write,
    mut document: Value,
    expected: Option<i64>,
) -> Result<VersionedConfig, Error> {
    let expected = match take_version(&mut document)? {
        Some(member) => Some(expected.unwrap_or(member)),
        None => expected,
    };
    let kind = setup.current().await?.kind;
    write_version(setup, kind, how, &document, expected).await
}

async fn write_version(
    setup: &Setup,
    kind: TenantKind,
    how: Write,
    document: &Value,
    expected: Option<i64>,
) -> Result<VersionedConfig, Error> {
    let configs = TenantConfigs(&setup.session);
    for _ in 0..ATTEMPTS {
        let (current, stored) = configs.get().await?;
        if expected.is_some_and(|expected| expected != current) {
            return Err(Error::Stale { current });
        }
        let (whole, config) = match how {
            Write::Put => (document.clone(), TenantConfig::from_json(kind, document)?),
            Write::Patch => patch_config(kind, &stored, document)?,
        };
        rules_of(&config)?;
        tuning_of(kind, &config)?;
        let written = configs.update(whole, current, setup.clock.now()).await?;
        if let Some(version) = written {
            return Ok(VersionedConfig { version, config });
        }
    }
    Err(Error::Contended)
}

fn take_version(document: &mut Value) -> Result<Option<i64>, Error> {
    let Some(member) = document.as_object_mut().and_then(|m| m.remove("version")) else {
        return Ok(None);
    };
    let version = member.as_i64();
    let wrong = || Error::field("version", "wrong_type", "must be a whole number");
    version.map(Some).ok_or_else(wrong)
}
