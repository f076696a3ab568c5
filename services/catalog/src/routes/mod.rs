//! The HTTP side of the service, one file for each resource.
mod audit_log;
mod author;
mod body;
mod book;
mod envelope;
mod known;
mod message;
mod noted;
mod page_params;
mod profile;
mod review;
mod web;

use axum::middleware::from_fn_with_state;
use brisk_ws::Room;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::envelope::ENVELOPE;
pub(crate) use self::web::table;
use crate::state::CatalogState;

/// All routes below the service's name; each request is noted in the audit log.
pub(crate) fn router(state: CatalogState, room: &Room) -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(author::router())
        .merge(book::router())
        .merge(review::router())
        .merge(message::router())
        .merge(profile::router())
        .merge(audit_log::router())
        .route("/web", room.route())
        .layer(from_fn_with_state(state.clone(), noted::noted))
        .with_state(state)
}
