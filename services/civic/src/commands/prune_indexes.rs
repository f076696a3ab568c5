//! `brisk civic prune-indexes`: drops the indexes that longer ones cover.

use std::process::ExitCode;

use brisk::clap::Command;
use brisk::{BoxError, Kit};

use super::say;
use crate::store::prune;

pub(super) const NAME: &str = "prune-indexes";

pub(super) fn command() -> Command {
    Command::new(NAME).about("Drops the single-column indexes that the composite ones cover")
}

pub(super) async fn run(kit: &Kit) -> Result<ExitCode, BoxError> {
    prune::run(&kit.platform("civic.prune_indexes")).await?;
    say("dropped idx_reports_tenant and idx_reports_issue; writes are cheaper, no query is slower");
    Ok(ExitCode::SUCCESS)
}
