//! `brisk civic reconcile`: recounts every figure from the rows beneath it and mends what differs.

use std::process::ExitCode;

use brisk::clap::{Arg, ArgAction, ArgMatches, Command};
use brisk::{BoxError, Kit};
use brisk_auth::Tenants;
use brisk_core::TenantId;
use serde::Serialize;

use super::say;
use crate::logic::reconcile::{self, Drift};
use crate::service::state;

pub(super) const NAME: &str = "reconcile";

/// Tenants read at a time.
const TENANTS: u32 = 200;

pub(super) fn command() -> Command {
    Command::new(NAME)
        .about("Recounts all figures from reports and issues, and mends what differs")
        .arg(
            Arg::new("tenant")
                .long("tenant")
                .value_name("SLUG|ID")
                .help("Only this tenant; otherwise all"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON object for each tenant"),
        )
}

/// The outcome for one tenant.
#[derive(Serialize)]
struct Line<'a> {
    tenant: &'a str,
    #[serde(flatten)]
    drift: &'a Drift,
}

pub(super) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    let json = matches.get_flag("json");
    let only = matches.get_one::<String>("tenant");
    let state = state(kit);
    let platform = kit.platform("civic.reconcile");
    let mut after = TenantId::PLATFORM;
    let (mut found, mut cells) = (0, 0);
    loop {
        let tenants = Tenants::new(&platform).page(after, TENANTS).await?;
        let Some(last) = tenants.last() else { break };
        after = last.id;
        for tenant in &tenants {
            if only.is_some_and(|only| *only != tenant.slug && *only != tenant.id.to_string()) {
                continue;
            }
            found += 1;
            let settings = state.settings.of(tenant.id).await?;
            let session = kit.session(tenant.id, "civic.reconcile");
            let drift = reconcile::run(&session, &settings, &kit.queue, &kit.clock).await?;
            cells += drift.cells;
            if json {
                say(&serde_json::to_string(&Line {
                    tenant: &tenant.slug,
                    drift: &drift,
                })?);
            } else {
                let Drift {
                    issues, reports, ..
                } = drift;
                say(&format!(
                    "{}: {issues} issues, {reports} reports, drift {}",
                    tenant.slug, drift.cells
                ));
                for example in &drift.examples {
                    say(&format!("  {example}"));
                }
            }
        }
    }
    state.intake.close().await;
    if let Some(only) = only
        && found == 0
    {
        return Err(format!("there is no tenant {only}").into());
    }
    if !json {
        say(&format!("drift {cells}"));
    }
    Ok(ExitCode::SUCCESS)
}
