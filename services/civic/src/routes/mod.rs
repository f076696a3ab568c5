//! The HTTP side of the service, one file for each resource.
mod actor;
mod candidate;
mod history;
mod import;
mod issue;
mod list;
mod public;
mod report;
mod score;
pub(crate) mod setup;

use actor::actor;
use utoipa_axum::router::OpenApiRouter;

use crate::state::CivicState;

/// All routes.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .merge(report::router())
        .merge(issue::router())
        .merge(history::router())
        .merge(candidate::router())
        .merge(import::router())
        .merge(list::router())
        .merge(score::router())
        .merge(public::router())
        .merge(setup::router())
}
