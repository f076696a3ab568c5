//! Every route of the API document: who is let in, what of other tenants can be seen, and that junk breaks nothing.

use std::collections::{BTreeMap, BTreeSet};

use brisk::prelude::Role;
use serde_json::{Value, json};

use crate::routes::{Id, Route, Who, routes};
use crate::world::{TestApp, pothole, spot};
use brisk_testkit::services::{Answer, Call, Client};

crate::on_both!(
    every_documented_route_has_a_case,
    every_route_asks_for_its_role,
    rows_of_another_tenant_do_not_exist,
    broken_cursors_are_named,
    junk_is_refused_and_breaks_nothing,
);

/// Where the server itself keeps tenants apart, everybody gets the same answers.
mod walled {
    use crate::world::TestApp;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_route_asks_for_its_role() {
        super::every_route_asks_for_its_role(TestApp::walled().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rows_of_another_tenant_do_not_exist() {
        super::rows_of_another_tenant_do_not_exist(TestApp::walled().await).await;
    }
}

/// Ids of rows of a tenant, one of each kind.
struct Rows {
    slug: &'static str,
    ids: BTreeMap<&'static str, String>,
}

fn word(id: Id) -> &'static str {
    match id {
        Id::None => "",
        Id::Issue => "issue",
        Id::Report => "report",
        Id::Area => "area",
        Id::Category => "category",
        Id::Calendar => "calendar",
        Id::Policy => "policy",
        Id::Key => "key",
        Id::Tenant => "tenant",
        Id::Import => "import",
        Id::Candidate => "candidate",
    }
}

impl Rows {
    /// Fills `acme` with one row of each kind, marked in every text that lists could show.
    async fn of_acme(app: &TestApp) -> Self {
        let admin = app.caller(Role::Admin);
        let mut ids = BTreeMap::new();
        let made = [
            ("area", "/v1/areas", json!({"name": "Marked North"})),
            (
                "category",
                "/v1/categories",
                json!({"code": "MARKED", "name": "Marked", "base_category": "infrastructure"}),
            ),
            (
                "calendar",
                "/v1/calendars",
                json!({"name": "Marked days", "timezone": "UTC", "weekly": {"1": [[480, 1080]]}}),
            ),
            (
                "policy",
                "/v1/sla/policies",
                json!({"severity": "medium", "ack_minutes": 77, "resolve_minutes": 777}),
            ),
            (
                "key",
                "/v1/api-keys",
                json!({"name": "Marked key", "role": "agent"}),
            ),
        ];
        for (kind, path, body) in made {
            let row = admin.post(path, &body).await.assert_status(201);
            let id = row["id"].as_str().map(str::to_owned);
            ids.insert(kind, id.unwrap_or_else(|| row["id"].to_string()));
        }
        let mut report = pothole(500);
        report["location"] = json!("Marked street");
        let made = app.agent().post("/v1/reports", &report).await.json();
        let report = made["id"].as_i64().unwrap();
        ids.insert("issue", app.issue_of(report).await.to_string());
        ids.insert("report", report.to_string());
        ids.insert("tenant", app.acme.id.to_string());
        let row = json!({"submitted_at": "2026-03-01T12:00:00Z", "description": "Marked pothole of the past"});
        let import = admin.post("/v1/imports", &row).await.assert_status(202);
        ids.insert("import", import["id"].to_string());
        let twin = json!({"description": "Streetlight above the crossing is out", "lat": spot(500).0, "lon": spot(500).1});
        let made = app.agent().post("/v1/reports", &twin).await.json();
        app.issue_of(made["id"].as_i64().unwrap()).await;
        let pairs = admin.get("/v1/dedup/candidates").await.assert_status(200);
        ids.insert("candidate", pairs["candidates"][0]["id"].to_string());
        Self {
            slug: app.acme.slug,
            ids,
        }
    }

    /// The path of `route` on these rows.
    fn path(&self, route: &Route) -> String {
        let id = self.ids.get(word(route.id)).map_or("1", String::as_str);
        let path = route.path.replace("{id}", id).replace("{slug}", self.slug);
        if route.query.is_empty() {
            path
        } else {
            format!("{path}?{}", route.query)
        }
    }

    fn call(&self, route: &Route) -> Call {
        let call = Call::new(route.method, self.path(route));
        match &route.body {
            Some(body) => call.json(body),
            None => call,
        }
    }
}

fn with(path: &str, parameter: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{parameter}")
}

async fn every_documented_route_has_a_case(app: TestApp) {
    let document = app.public().get("/openapi.json").await.assert_status(200);
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/civic").unwrap_or(path);
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                documented.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let known: BTreeSet<_> = routes().iter().map(Route::name).collect();
    let missing: Vec<_> = documented.difference(&known).collect();
    assert!(missing.is_empty(), "routes without a case: {missing:#?}");
    let gone: Vec<_> = known.difference(&documented).collect();
    assert!(gone.is_empty(), "cases without a route: {gone:#?}");
    app.stop().await;
}

/// Roles of a tenant that may not do what `needed` may.
fn lower(needed: Role) -> &'static [Role] {
    match needed {
        Role::Reporter => &[],
        Role::Agent => &[Role::Reporter],
        Role::Manager => &[Role::Reporter, Role::Agent],
        _ => &[Role::Reporter, Role::Agent, Role::Manager],
    }
}

async fn every_route_asks_for_its_role(app: TestApp) {
    let rows = Rows::of_acme(&app).await;
    let tenant = format!("tenant_id={}", app.acme.id);
    for route in routes() {
        let name = route.name();
        let mut public = rows.call(&route);
        if !route.tenant_elsewhere {
            public.path = with(&public.path, &tenant);
        }
        if route.path == "/v1/reports/batch" {
            let mut body = route.body.clone().unwrap();
            body["tenant_id"] = json!(app.acme.id);
            public = Call::new(route.method, route.path).json(&body);
        }
        let open = app.public().send(public.clone()).await.status;
        let forged = app.public().with("brisk_nonsense").send(public).await;
        assert_eq!(forged.status, 401, "{name} with a forged key: {forged:?}");
        match route.who {
            Who::Public => assert!(![401, 403].contains(&open), "{name} for the public: {open}"),
            Who::AtLeast(needed) => {
                assert_eq!(open, 401, "{name} for the public");
                for role in lower(needed) {
                    let answer = app.caller(*role).send(rows.call(&route)).await;
                    assert_eq!(answer.status, 403, "{name} for {role:?}: {answer:?}");
                }
                // Deleting comes last, on rows of its own.
                if route.method != "DELETE" {
                    let answer = app.caller(needed).send(rows.call(&route)).await;
                    let fine = answer.status < 300 || answer.status == 409;
                    assert!(fine, "{name} for {needed:?}: {answer:?}");
                }
            }
            Who::Platform => {
                assert_eq!(open, 401, "{name} for the public");
                for role in [Role::Agent, Role::Admin] {
                    let answer = app.caller(role).send(rows.call(&route)).await;
                    assert_eq!(answer.status, 403, "{name} for {role:?}: {answer:?}");
                }
                let answer = app.platform().send(rows.call(&route)).await;
                assert!(answer.status < 300, "{name}: {answer:?}");
            }
        }
    }
    for route in routes().iter().filter(|r| r.method == "DELETE") {
        let answer = app.caller(Role::Admin).send(rows.call(route)).await;
        assert_eq!(answer.status, 204, "{} {answer:?}", route.name());
    }
    app.stop().await;
}

async fn rows_of_another_tenant_do_not_exist(app: TestApp) {
    let rows = Rows::of_acme(&app).await;
    let stranger = |role| app.public().with(app.other.key(role));
    for route in routes() {
        let name = route.name();
        let role = match route.who {
            Who::Platform => continue,
            Who::AtLeast(Role::Reporter) => Role::Reporter,
            // An administrator may do the most, so nothing but the tenant can be what keeps them out.
            _ => Role::Admin,
        };
        let public_page =
            route.path.contains("{slug}") || route.path.starts_with("/v1/scores/tenant");
        let answer = stranger(role).send(rows.call(&route)).await;
        if route.id != Id::None && !public_page {
            assert_eq!(answer.status, 404, "{name}: {answer:?}");
        }
        if route.path != "/v1/classify" && !public_page {
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                !text.contains("Marked") && !text.contains("MARKED"),
                "{name}: {text}"
            );
        }
        if !route.tenant_elsewhere {
            let mut named = rows.call(&route);
            named.path = with(&named.path, &format!("tenant_id={}", app.acme.id));
            let answer = stranger(role).send(named).await;
            assert_eq!(answer.status, 403, "{name} with tenant_id: {answer:?}");
            let mut unknown = rows.call(&route);
            unknown.path = with(&unknown.path, "tenant_id=987654");
            let answer = app.platform().send(unknown).await;
            assert_eq!(answer.status, 422, "{name} of no tenant: {answer:?}");
        }
    }
    let body =
        json!({"tenant_id": app.acme.id, "description": "a large pothole", "location": "here"});
    for (path, body) in [
        ("/v1/reports", body.clone()),
        (
            "/v1/reports/batch",
            json!({"tenant_id": app.acme.id, "reports": [pothole(1)]}),
        ),
    ] {
        let answer = stranger(Role::Agent).post(path, &body).await;
        assert_eq!(answer.status, 403, "{path} {answer:?}");
    }
    // Another tenant's rows cannot be pointed at either.
    let own = app.public().with(app.other.key(Role::Agent));
    let report = own
        .post("/v1/reports", &pothole(1))
        .await
        .assert_status(201);
    let issue = issue_of(&own, report["id"].as_i64().unwrap()).await;
    let boss = stranger(Role::Admin);
    let issue_of_acme: i64 = rows.ids["issue"].parse().unwrap();
    let area: i64 = rows.ids["area"].parse().unwrap();
    let calendar: i64 = rows.ids["calendar"].parse().unwrap();
    let relink = boss.post(
        &format!("/v1/reports/{}/relink", report["id"]),
        &json!({"issue_id": issue_of_acme}),
    );
    assert_eq!(relink.await.status, 404);
    let moved = boss.patch(&format!("/v1/issues/{issue}"), &json!({"area_id": area}));
    assert_eq!(moved.await.status, 422);
    let parent = boss.post("/v1/areas", &json!({"name": "South", "parent_id": area}));
    assert_eq!(parent.await.status, 422);
    let policy = json!({"ack_minutes": 1, "resolve_minutes": 2, "calendar_id": calendar});
    assert_eq!(boss.post("/v1/sla/policies", &policy).await.status, 422);
    let bulk = json!({"ids": [issue_of_acme], "set": {"title": "Mine"}});
    let bulk = boss.post("/v1/issues/bulk", &bulk).await.assert_status(200);
    assert_eq!(bulk["results"][0]["code"], "civic.not_found");
    let page = own.get(&format!("/v1/reports?issue_id={issue_of_acme}"));
    assert_eq!(page.await.json()["reports"], json!([]));
    let page = own.get(&format!("/v1/public/{}/issues/{issue}", app.acme.slug));
    assert_eq!(page.await.status, 404);
    app.stop().await;
}

async fn issue_of(client: &Client, report: i64) -> i64 {
    let path = format!("/v1/reports/{report}");
    brisk_testkit::services::eventually(
        "a report finds its issue",
        brisk_testkit::services::PATIENCE,
        async || client.get(&path).await.json()["issue_id"].as_i64(),
    )
    .await
}

async fn broken_cursors_are_named(app: TestApp) {
    let rows = Rows::of_acme(&app).await;
    let admin = app.caller(Role::Admin);
    for route in routes().iter().filter(|r| r.paged) {
        for cursor in [
            "AAAA",
            "%00",
            "not%20a%20cursor",
            "%F0%9F%95%B3",
            &"x".repeat(5_000),
        ] {
            let path = with(&rows.path(route), &format!("cursor={cursor}"));
            let answer = admin.get(&path).await;
            assert_eq!(
                answer.status,
                400,
                "{} {cursor:.20} {answer:?}",
                route.name()
            );
        }
        for (wrong, code) in [
            ("limit=0", "out_of_range"),
            ("limit=1001", "out_of_range"),
            ("limit=-1", ""),
            ("skip=10001", "use_cursor"),
            ("nonsense=1", ""),
            ("limit=1&limit=2", ""),
        ] {
            let answer = admin.get(&with(&rows.path(route), wrong)).await;
            assert_eq!(answer.status, 422, "{} {wrong} {answer:?}", route.name());
            let body = answer.json();
            let found = body["errors"][0]["code"].as_str().unwrap_or_default();
            assert!(
                code.is_empty() || found == code,
                "{} {wrong} {body}",
                route.name()
            );
        }
    }
    app.stop().await;
}

/// Values that no field means, yet clients send.
fn junk() -> Vec<Value> {
    vec![
        json!(null),
        json!(""),
        json!("\u{0}"),
        json!("a\u{0}b of some length"),
        json!("x".repeat(300)),
        json!("\u{1f573}\u{fe0f} \u{202e}dlrow"),
        json!("'; DROP TABLE civic_issues; --"),
        json!("-009999-01-01T00:00:00Z"),
        json!("9999-12-30T22:00:00Z"),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(0.5),
        json!(true),
        json!([]),
        json!([[]]),
        json!([null]),
        json!({}),
        json!({"": {"\u{0}": []}}),
    ]
}

/// Texts that no parameter means, in the form of addresses.
const JUNK: [&str; 16] = [
    "",
    "%00",
    "a%00b",
    "%FF%FE",
    "%",
    "-1",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "1e999",
    "NaN",
    "null",
    "%27%20OR%201=1--",
    "-009999-01-01T00:00:00Z",
    "9999-12-30T22:00:00Z",
    "%F0%9F%95%B3%25_!",
];

/// Whether the answer is one that junk may have.
fn is_sane(answer: &Answer) -> bool {
    let problem = answer.header("content-type") == Some("application/problem+json");
    answer.status < 500 && (answer.status < 400 || answer.body.is_empty() || problem)
}

/// Values in place of parts of what is sent: each member of the body, the body itself, the id, each parameter.
async fn junk_is_refused_and_breaks_nothing(app: TestApp) {
    let rows = Rows::of_acme(&app).await;
    let document = app.public().get("/openapi.json").await.json();
    let (admin, platform) = (app.caller(Role::Admin), app.platform());
    let mut calls = Vec::new();
    for route in routes() {
        let path = rows.path(&route);
        let client = if route.who == Who::Platform {
            &platform
        } else {
            &admin
        };
        let documented = document["paths"]
            .get(format!("/civic{}", route.path))
            .or_else(|| document["paths"].get(route.path));
        let operation = &documented.unwrap()[route.method.to_lowercase().as_str()];
        if route.id != Id::None {
            for junk in JUNK.iter().filter(|j| !j.is_empty()) {
                let path = route
                    .path
                    .replace("{id}", junk)
                    .replace("{slug}", rows.slug);
                let call = Call::new(route.method, path);
                calls.push((
                    client,
                    match &route.body {
                        Some(body) => call.json(body),
                        None => call,
                    },
                ));
            }
        }
        if route.path.contains("{slug}") {
            for junk in JUNK.iter().filter(|j| !j.is_empty()) {
                let path = route.path.replace("{slug}", junk).replace("{id}", "1");
                calls.push((client, Call::new(route.method, path)));
            }
        }
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let named = parameters.iter().filter(|p| p["in"] == "query");
        for name in named.map(|p| p["name"].as_str().unwrap()) {
            for junk in JUNK {
                let rest = route
                    .path
                    .replace("{id}", rows.ids.get(word(route.id)).map_or("1", |s| s));
                let rest = rest.replace("{slug}", rows.slug);
                let others: Vec<&str> = route
                    .query
                    .split('&')
                    .filter(|q| !q.is_empty() && !q.starts_with(&format!("{name}=")))
                    .collect();
                let path = with(
                    &rest,
                    &[&[format!("{name}={junk}").as_str()], others.as_slice()]
                        .concat()
                        .join("&"),
                );
                let call = Call::new(route.method, path);
                calls.push((
                    client,
                    match &route.body {
                        Some(body) => call.json(body),
                        None => call,
                    },
                ));
            }
        }
        if let Some(body) = &route.body {
            for junk in junk() {
                calls.push((client, Call::new(route.method, path.as_str()).json(&junk)));
            }
            for member in members(&document, operation, body) {
                for junk in junk() {
                    let mut changed = body.clone();
                    changed[&member] = junk;
                    calls.push((
                        client,
                        Call::new(route.method, path.as_str()).json(&changed),
                    ));
                }
            }
        }
    }
    assert!(calls.len() > 1_000, "{} calls", calls.len());
    // What a call with junk makes of the rows does not matter, only that each is answered; deletions come last.
    calls.sort_by_key(|(_, call)| call.method == "DELETE");
    let mut broken = Vec::new();
    for (client, call) in calls {
        let what = format!(
            "{} {} {}",
            call.method,
            call.path,
            String::from_utf8_lossy(&call.body)
        );
        let answer = client.send(call).await;
        if !is_sane(&answer) {
            let what: String = what.chars().take(300).collect();
            broken.push(format!("{what}: {}", answer.status));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(app.public().get("/health/ready").await.status, 200);
    app.stop().await;
}

/// The members that a body may have: those of its schema and those of the sample.
fn members(document: &Value, operation: &Value, sample: &Value) -> BTreeSet<String> {
    let mut schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        schema = &document["components"]["schemas"][name];
    }
    let known = schema["properties"].as_object();
    let known = known.into_iter().flat_map(|p| p.keys().cloned());
    let sent = sample
        .as_object()
        .into_iter()
        .flat_map(|o| o.keys().cloned());
    known.chain(sent).collect()
}
