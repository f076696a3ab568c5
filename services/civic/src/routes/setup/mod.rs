//! Setting a tenant up: areas, categories, calendars, policies, configuration, keys, and the tenant itself.
mod admin;
mod api_key;
mod area;
mod calendar;
mod category;
mod list;
mod policy;
mod tenant;
#[cfg(test)]
mod tests;
mod tools;

use utoipa_axum::router::OpenApiRouter;

use crate::state::CivicState;

/// All routes of the setup.
pub(crate) fn router() -> OpenApiRouter<CivicState> {
    OpenApiRouter::new()
        .merge(area::router())
        .merge(category::router())
        .merge(calendar::router())
        .merge(policy::router())
        .merge(tenant::router())
        .merge(api_key::router())
        .merge(tools::router())
}
