//! Routes by which those who run a tenant look after its people.
mod bulk;
mod list;
mod one;
mod roles;
mod standing;

use utoipa_axum::router::OpenApiRouter;

pub(super) use list::{UserItem, UserPage, limit};

use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .merge(list::router())
        .merge(one::router())
        .merge(standing::router())
        .merge(roles::router())
        .merge(bulk::router())
}
