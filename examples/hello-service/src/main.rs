//! The program: it serves, or makes an API key for a tenant.

use anyhow::{Context as _, bail};
use brisk::App;
use brisk::auth::{NewKey, NewTenant, TenantKind};
use brisk::config::{ConfigFile, Environment, LoadOptions, Settings};
use brisk::prelude::{Kit, Role};
use hello_service::Hello;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Settings come from brisk.toml, where there is one, and from BRISK_* variables over it.
    let settings = Settings::load(LoadOptions {
        file: ConfigFile::IfPresent("brisk.toml".into()),
        env: Environment::from_process(),
        ..LoadOptions::default()
    });
    let app = App::new(settings).service(Hello);
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(app.serve().await?),
        ["key", tenant] => {
            let opened = app.check()?.open().await?;
            let key = key(opened.kit(), tenant).await;
            opened.close().await;
            print(&key?);
            Ok(())
        }
        _ => bail!("say nothing to serve, or `key TENANT` for an API key of that tenant"),
    }
}

/// A new key for the tenant of this name, which is made where there is none.
async fn key(kit: &Kit, slug: &str) -> anyhow::Result<String> {
    let session = kit.platform("key");
    let tenants = kit.tenants_in(&session);
    let tenant = if let Some(tenant) = tenants.by_slug(slug).await? {
        tenant
    } else {
        let new = NewTenant::new(slug, slug, TenantKind::Organisation);
        let made = tenants.insert(new, &kit.clock).await;
        made.with_context(|| format!("cannot make the tenant {slug}"))?
    };
    let new = NewKey {
        tenant: Some(tenant.id),
        name: "made on the command line".to_owned(),
        role: Role::Agent,
        rate_per_min: None,
        expires_at: None,
    };
    Ok(kit.keys.create(&session, new).await?.secret)
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn print(line: &str) {
    println!("{line}");
}
