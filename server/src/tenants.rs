//! `brisk tenant`.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use brisk::auth::{NewTenant, Tenant, TenantKind};
use brisk::core::TenantId;
use brisk::{App, Kit};

use crate::cli::TenantArgs;
use crate::say;

/// Tenants that are read at once.
const PAGE: u32 = 500;

/// Makes a tenant and prints its number.
pub(crate) async fn create(app: App, args: TenantArgs) -> anyhow::Result<ExitCode> {
    let opened = app.check()?.open().await?;
    let outcome = made(opened.kit(), args).await;
    opened.close().await;
    say(&outcome?.id.to_string());
    Ok(ExitCode::SUCCESS)
}

async fn made(kit: &Kit, args: TenantArgs) -> anyhow::Result<Tenant> {
    let kind = TenantKind::parse(&args.kind).context("there is no such kind")?;
    let mut new = NewTenant::new(args.slug, args.name, kind);
    if let Some(timezone) = args.timezone {
        new.timezone = timezone;
    }
    new.jurisdiction_id = args.jurisdiction;
    let session = kit.platform("tenant create");
    Ok(kit.tenants_in(&session).insert(new, &kit.clock).await?)
}

/// Prints all tenants, one in a line.
pub(crate) async fn list(app: App) -> anyhow::Result<ExitCode> {
    let opened = app.check()?.open().await?;
    let outcome = all(opened.kit()).await;
    opened.close().await;
    let tenants = outcome?;
    if tenants.is_empty() {
        say("There is no tenant yet; make one with: brisk tenant create");
        return Ok(ExitCode::SUCCESS);
    }
    let width = tenants
        .iter()
        .map(|t| t.slug.len())
        .max()
        .unwrap_or(0)
        .max(4);
    say(&format!(
        "{:>6}  {:width$}  {:12}  {:9}  NAME",
        "ID", "SLUG", "KIND", "STATUS"
    ));
    for t in tenants {
        let (kind, status) = (t.kind.as_str(), t.status.as_str());
        say(&format!(
            "{:>6}  {:width$}  {kind:12}  {status:9}  {}",
            t.id.get(),
            t.slug,
            t.name
        ));
    }
    Ok(ExitCode::SUCCESS)
}

async fn all(kit: &Kit) -> anyhow::Result<Vec<Tenant>> {
    let session = kit.platform("tenant list");
    let table = kit.tenants_in(&session);
    let mut all: Vec<Tenant> = Vec::new();
    loop {
        let after = all.last().map_or(TenantId::PLATFORM, |t| t.id);
        let page = table.page(after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// A tenant by its slug or its number.
pub(crate) async fn find(kit: &Kit, named: &str) -> anyhow::Result<Tenant> {
    let session = kit.platform("tenant find");
    let table = kit.tenants_in(&session);
    let mut found = table.by_slug(named).await?;
    if found.is_none()
        && let Ok(id) = named.parse::<TenantId>()
    {
        found = table.get(id).await?;
    }
    found.ok_or_else(|| anyhow!("there is no tenant `{named}`; see: brisk tenant list"))
}
