//! The table of routes: who may call each, with what. A route that is not in it fails the tests that walk the API.

use brisk::prelude::Role;
use serde_json::{Value, json};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody; the tenant decides what is shown.
    Public,
    /// Callers of the tenant with this role.
    AtLeast(Role),
    /// The platform's administrators.
    Platform,
}

/// What the `{id}` in a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    None,
    Issue,
    Report,
    Area,
    Category,
    Calendar,
    Policy,
    Key,
    Tenant,
    Import,
    Candidate,
}

/// One route and how to call it.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    pub(crate) id: Id,
    /// Parameters that must be there.
    pub(crate) query: &'static str,
    /// A body that is accepted.
    pub(crate) body: Option<Value>,
    /// Whether the answer is a page that takes `cursor`.
    pub(crate) paged: bool,
    /// Whether the tenant is named by the body or the path, so that the parameter `tenant_id` is unknown here.
    pub(crate) tenant_elsewhere: bool,
}

fn route(method: &'static str, path: &'static str, who: Who, id: Id) -> Route {
    Route {
        method,
        path,
        who,
        id,
        query: "",
        body: None,
        paged: false,
        tenant_elsewhere: false,
    }
}

impl Route {
    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    fn paged(mut self) -> Self {
        self.paged = true;
        self
    }

    fn tenant_elsewhere(mut self) -> Self {
        self.tenant_elsewhere = true;
        self
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// All routes of the service.
pub(crate) fn routes() -> Vec<Route> {
    use Who::{AtLeast, Platform, Public};
    let agent = AtLeast(Role::Agent);
    let manager = AtLeast(Role::Manager);
    let admin = AtLeast(Role::Admin);
    let importer = AtLeast(Role::Importer);
    let mut all = vec![
        route("POST", "/v1/reports", Public, Id::None)
            .body(crate::world::pothole(900))
            .tenant_elsewhere(),
        route(
            "POST",
            "/v1/reports/batch",
            AtLeast(Role::Reporter),
            Id::None,
        )
        .body(json!({"reports": [crate::world::pothole(901)]}))
        .tenant_elsewhere(),
        route("GET", "/v1/reports", agent, Id::None).paged(),
        route("GET", "/v1/reports/{id}", agent, Id::Report),
        route("PATCH", "/v1/reports/{id}", manager, Id::Report).body(json!({"status": "released"})),
        route("POST", "/v1/reports/{id}/relink", manager, Id::Report).body(json!({"new": true})),
        route("GET", "/v1/moderation/queue", manager, Id::None),
        route("GET", "/v1/issues", agent, Id::None).paged(),
        route("GET", "/v1/issues/{id}", agent, Id::Issue),
        route("PATCH", "/v1/issues/{id}", agent, Id::Issue).body(json!({"title": "Another title"})),
        route("POST", "/v1/issues/bulk", manager, Id::None)
            .body(json!({"ids": [1], "set": {"assignee": "Crew"}})),
        route("GET", "/v1/issues/{id}/events", agent, Id::Issue).paged(),
        route("POST", "/v1/issues/{id}/notes", agent, Id::Issue).body(json!({"body": "a note"})),
        route("POST", "/v1/issues/{id}/updates", agent, Id::Issue)
            .body(json!({"body": "an update"})),
        route("POST", "/v1/issues/{id}/reopen", agent, Id::Issue),
        route("POST", "/v1/issues/{id}/merge", manager, Id::Issue).body(json!({"into": 2})),
        route("GET", "/v1/dedup/candidates", manager, Id::None).paged(),
        route(
            "POST",
            "/v1/dedup/candidates/{id}/reject",
            manager,
            Id::Candidate,
        ),
        route(
            "POST",
            "/v1/dedup/candidates/{id}/confirm",
            manager,
            Id::Candidate,
        ),
        route("POST", "/v1/imports", importer, Id::None).body(
            json!({"submitted_at": "2026-03-01T12:00:00Z", "description": "a large pothole"}),
        ),
        route("GET", "/v1/imports", importer, Id::None).paged(),
        route("GET", "/v1/imports/{id}", importer, Id::Import),
        route(
            "GET",
            "/v1/imports/{id}/errors.ndjson",
            importer,
            Id::Import,
        ),
        route("POST", "/v1/imports/{id}/cancel", importer, Id::Import),
        route("GET", "/v1/dashboard", agent, Id::None),
        route("GET", "/v1/scores/tenant/{id}", Public, Id::Tenant).tenant_elsewhere(),
        route("GET", "/v1/scores/area/{id}", Public, Id::Area),
        route("GET", "/v1/scores/leaderboard", Public, Id::None).tenant_elsewhere(),
        route("GET", "/v1/analytics/series", agent, Id::None).query("metric=reports"),
        route("GET", "/v1/analytics/categories", agent, Id::None),
        route("GET", "/v1/public/{slug}/dashboard", Public, Id::None).tenant_elsewhere(),
        route("GET", "/v1/public/{slug}/issues", Public, Id::None)
            .paged()
            .tenant_elsewhere(),
        route("GET", "/v1/public/{slug}/map", Public, Id::None).tenant_elsewhere(),
        route("GET", "/v1/public/{slug}/issues/{id}", Public, Id::Issue).tenant_elsewhere(),
        route("GET", "/v1/nearby", Public, Id::None).query("lat=30.0&lon=-90.0"),
        route("GET", "/v1/api-keys", admin, Id::None).paged(),
        route("POST", "/v1/api-keys", admin, Id::None)
            .body(json!({"name": "kiosk", "role": "agent"})),
        route("DELETE", "/v1/api-keys/{id}", admin, Id::Key),
        route("POST", "/v1/sla/preview", admin, Id::None).body(
            json!({"start": "2026-03-06T12:00:00Z", "ack_minutes": 60, "resolve_minutes": 120}),
        ),
        route("POST", "/v1/classify", agent, Id::None).body(json!({"texts": ["a large pothole"]})),
        route("POST", "/v1/tenants", Platform, Id::None)
            .body(json!({"slug": "new-town", "name": "New Town", "type": "city"}))
            .tenant_elsewhere(),
        route("GET", "/v1/tenants/{id}", admin, Id::Tenant).tenant_elsewhere(),
        route("PATCH", "/v1/tenants/{id}", admin, Id::Tenant)
            .body(json!({"name": "Acme"}))
            .tenant_elsewhere(),
        route("GET", "/v1/tenants/{id}/config", admin, Id::Tenant).tenant_elsewhere(),
        route("PUT", "/v1/tenants/{id}/config", admin, Id::Tenant)
            .body(json!({}))
            .tenant_elsewhere(),
        route("PATCH", "/v1/tenants/{id}/config", admin, Id::Tenant)
            .body(json!({"dedup": {"enabled": true}}))
            .tenant_elsewhere(),
    ];
    let crud = [
        (
            "/v1/areas",
            "/v1/areas/{id}",
            Id::Area,
            json!({"name": "West"}),
        ),
        (
            "/v1/categories",
            "/v1/categories/{id}",
            Id::Category,
            json!({"code": "LIGHT", "name": "Lights", "base_category": "infrastructure"}),
        ),
        (
            "/v1/calendars",
            "/v1/calendars/{id}",
            Id::Calendar,
            json!({"name": "Nights", "timezone": "UTC", "weekly": {"1": [[0, 480]]}}),
        ),
        (
            "/v1/sla/policies",
            "/v1/sla/policies/{id}",
            Id::Policy,
            json!({"severity": "low", "ack_minutes": 60, "resolve_minutes": 600}),
        ),
    ];
    for (list, one, id, body) in crud {
        all.push(route("GET", list, admin, Id::None).paged());
        all.push(route("POST", list, admin, Id::None).body(body));
        all.push(route("GET", one, admin, id));
        all.push(route("PATCH", one, admin, id).body(json!({})));
        all.push(route("DELETE", one, admin, id));
    }
    all
}
