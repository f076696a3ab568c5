//! `brisk key`.

use std::process::ExitCode;

use anyhow::Context as _;
use brisk::auth::NewKey;
use brisk::core::Role;
use brisk::{App, Kit};

use crate::cli::KeyArgs;
use crate::{say, tenants};

/// Makes a key and prints it once, as the last line.
pub(crate) async fn create(app: App, args: KeyArgs) -> anyhow::Result<ExitCode> {
    let opened = app.check()?.open().await?;
    let outcome = made(opened.kit(), &args).await;
    opened.close().await;
    say(&outcome?);
    Ok(ExitCode::SUCCESS)
}

async fn made(kit: &Kit, args: &KeyArgs) -> anyhow::Result<String> {
    let role = Role::parse(&args.role).context("there is no such role")?;
    let tenant = match &args.tenant {
        Some(named) => Some(tenants::find(kit, named).await?),
        None => None,
    };
    let new = NewKey {
        tenant: tenant.as_ref().map(|tenant| tenant.id),
        name: args.name.clone(),
        role,
        rate_per_min: None,
        expires_at: None,
    };
    let made = kit.keys.create(&kit.platform("key create"), new).await?;
    if args.json {
        return Ok(serde_json::json!({
            "id": made.key.id,
            "key": made.secret,
            "name": made.key.name,
            "role": made.key.role,
            "tenant_id": made.key.tenant_id,
        })
        .to_string());
    }
    let place = tenant.map_or_else(|| "all tenants".to_owned(), |tenant| tenant.name);
    Ok(format!(
        "A key with the role {} for {place}. It is shown this once; send it as X-API-Key.\n{}",
        role.as_str(),
        made.secret
    ))
}
