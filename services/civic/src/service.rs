//! The service as one value: what the kit has to know of it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brisk::Purpose;
use brisk::config::ByteSize;
use brisk::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::ids::IdBlocks;
use crate::logic::changes::SCORE_JOB;
use crate::logic::contact::ContactKeys;
use crate::logic::import::Importer;
use crate::logic::intake::Intake;
use crate::logic::link::{LINK_BATCH, LINK_JOB, Linker, chain};
use crate::logic::moderation::Moderation;
use crate::logic::score_job::Scorer;
use crate::logic::sweep::{SWEEP_JOB, Sweeper};
use crate::logic::timers::LOOK_AT_LEAST;
use crate::logic::workflow::Workflow;
use crate::settings::Settings;
use crate::state::{CivicState, Parts};
use crate::{MIGRATIONS, commands, demo, routes, store};

/// How often ranks are computed anew and old issues closed.
const SWEEP_PERIOD: Duration = Duration::from_mins(5);

/// Bytes of a batch of reports at most.
const BATCH_BODY: ByteSize = ByteSize::mib(4);

/// Bytes of an uploaded file at most, and how long its upload may take.
const UPLOAD: ByteSize = ByteSize::mib(512);
const UPLOAD_TIME: Duration = Duration::from_mins(10);

/// The section `[civic]` of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CivicSettings {}

impl Section for CivicSettings {
    fn check(&self, _: &mut Problems) {}
}

/// The civic service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Civic;

/// The civic service: incident reports, issues, service levels and dashboards.
pub const fn service() -> Civic {
    Civic
}

impl Service for Civic {
    type Settings = CivicSettings;

    fn name(&self) -> &'static str {
        "civic"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        store::statements()
    }

    async fn build(&self, kit: &Kit, _: CivicSettings) -> Result<Built, BoxError> {
        let state = state(kit);
        let linker = Linker {
            settings: Arc::clone(&state.settings),
            issue_ids: state.workflow.issue_ids.clone(),
            queue: kit.queue.clone(),
            clock: kit.clock.clone(),
        };
        let sweeper = Sweeper {
            workflow: state.workflow.clone(),
        };
        let scorer = Scorer {
            settings: Arc::clone(&state.settings),
            clock: kit.clock.clone(),
        };
        let (watched, closing) = (state.clone(), state.clone());
        let api: OpenApiRouter = routes::router().with_state(state);
        Ok(Built::new(api)
            .worker(
                Worker::new(LINK_JOB, linker)
                    .batch(LINK_BATCH)
                    .concurrency(2)
                    .group_by_tenant(),
            )
            .worker(Worker::new(SCORE_JOB, scorer).batch(20))
            .worker(Worker::new(SWEEP_JOB, sweeper))
            .schedule(Schedule::every("civic.sweep", SWEEP_PERIOD, |_| {
                Ok(vec![
                    NewJob::new(TenantId::PLATFORM, SWEEP_JOB, &())?.dedup("all"),
                ])
            }))
            .task(Task::new("civic.breach", move |stop| {
                watch_promises(watched.clone(), stop)
            }))
            .rule(RouteRule {
                prefix: "/v1/reports/batch".to_owned(),
                max_body: Some(BATCH_BODY),
                ..RouteRule::default()
            })
            .rule(RouteRule {
                prefix: "/v1/imports".to_owned(),
                max_body: Some(UPLOAD),
                deadline: Some(UPLOAD_TIME),
                ..RouteRule::default()
            })
            .on_shutdown(move || async move { closing.intake.close().await }))
    }

    fn command(&self) -> Option<brisk::clap::Command> {
        Some(commands::command())
    }

    async fn run_command(
        &self,
        kit: &Kit,
        _: CivicSettings,
        matches: &brisk::clap::ArgMatches,
    ) -> Result<ExitCode, BoxError> {
        commands::run(kit, matches).await
    }

    async fn demo(&self, kit: &Kit) -> Result<(), BoxError> {
        let state = state(kit);
        let made = demo::make(kit, &state).await;
        state.intake.close().await;
        made
    }
}

/// The parts of the service on a kit.
pub(crate) fn state(kit: &Kit) -> CivicState {
    let settings = Arc::new(Settings::new(&kit.db, &kit.clock, kit.tenants.clone()));
    let contacts = ContactKeys::new(
        kit.master_key.derive_for(Purpose::Sealing, "civic.contact"),
        kit.master_key
            .derive_for(Purpose::ContactHash, "civic.contact"),
    );
    let intake = Intake::start(
        &kit.db,
        kit.clock.clone(),
        kit.ids.clone(),
        Arc::clone(&settings),
        contacts,
        kit.queue.clone(),
    );
    let workflow = Workflow {
        db: kit.db.clone(),
        settings: Arc::clone(&settings),
        issue_ids: IdBlocks::new(kit.db.clone(), "issue"),
        queue: kit.queue.clone(),
        clock: kit.clock.clone(),
    };
    CivicState::new(Parts {
        db: kit.db.clone(),
        clock: kit.clock.clone(),
        cursor: kit.cursor_key.clone(),
        queue: kit.queue.clone(),
        settings,
        keys: kit.keys.clone(),
        intake,
        workflow,
        moderation: Moderation {
            queue: kit.queue.clone(),
        },
        importer: Importer::new(&kit.db, kit.clock.clone(), kit.queue.clone()),
        tracker: kit.tracker.clone(),
    })
}

/// Marks missed promises within a second of their due instant.
async fn watch_promises(state: CivicState, stop: CancellationToken) {
    loop {
        let wait = match state.workflow.mark_breaches().await {
            Ok((_, next)) => {
                let left = next.map(|at| at.duration_since(state.clock.now()));
                // A clock that starts meanwhile may be due earlier, so nobody sleeps longer than that.
                left.and_then(|left| Duration::try_from(left).ok())
                    .unwrap_or(LOOK_AT_LEAST)
                    .min(LOOK_AT_LEAST)
            }
            Err(e) => {
                tracing::warn!(error = chain(&e), "missed promises could not be looked for");
                LOOK_AT_LEAST
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait.max(Duration::from_millis(10))) => {}
        }
    }
}
