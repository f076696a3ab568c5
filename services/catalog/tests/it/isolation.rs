//! Every operation of the API document: who is let in, what it costs, and that one tenant sees and changes nothing of another.

use std::collections::BTreeSet;

use brisk_core::TenantId;
use brisk_testkit::services::{Answer, Call, Client};
use serde_json::json;

use crate::on_both;
use crate::routes::{Foreign, Ids, ROUTES, Route};
use crate::world::{EVERYTHING, TestApp};

on_both!(
    every_documented_route_has_a_case,
    every_route_asks_for_its_permission,
    every_route_works_at_home_within_its_budget,
    nothing_of_another_tenant_is_seen_or_changed,
    no_row_joins_two_tenants,
);

/// Stands in every text of the tenant that nobody else may see.
const CANARY: &str = "kanari7";

/// A tenant full of canaries.
struct Nest {
    tenant: TenantId,
    owner: Client,
    made: usize,
}

impl Nest {
    async fn new(app: &TestApp) -> Self {
        let tenant = app.tenant(CANARY).await;
        Self {
            tenant,
            owner: app.person(tenant, "owner", EVERYTHING),
            made: 0,
        }
    }

    /// Rows of their own for one call.
    async fn rows(&mut self, app: &TestApp) -> Ids {
        self.made += 1;
        let n = self.made;
        let make = async |path: &str, body| {
            let made = self.owner.post(path, &body).await.assert_status(201);
            made["id"].as_i64().unwrap()
        };
        let author = make("/catalog/authors", json!({"name": format!("{CANARY} {n}")})).await;
        let book = json!({"author_id": author, "title": CANARY, "isbn": format!("{CANARY} {n}")});
        let book = make("/catalog/books", book).await;
        let review = json!({"author_id": author, "book_id": book, "rating": 5, "body": CANARY});
        let review = make("/catalog/reviews", review).await;
        make("/catalog/messages", json!({"body": CANARY})).await;
        // No canary: it stands in paths, and what a caller has asked for comes back to it in its own audit log.
        let user = format!("somebody{n}");
        let path = format!("/catalog/users/{user}/profile");
        let profile = json!({"display_name": CANARY});
        self.owner.put(&path, &profile).await.assert_status(200);
        let t = self.tenant.get();
        app.place.sql(&format!(
            "INSERT INTO catalog_user_actions (tenant_id, timestamp, user_id, username, action_type, resource, outcome)
             SELECT {t}, created_at, '{user}', '{user}', 'GET', '/{CANARY}', 'success' FROM catalog_authors WHERE id = {author}"
        ));
        let action = format!("SELECT id FROM catalog_user_actions WHERE user_id = '{user}'");
        Ids {
            author,
            book,
            review,
            action: app.place.number(&action),
            user,
            n,
        }
    }
}

fn call(route: &Route, ids: &Ids) -> Call {
    let call = Call::new(route.method, route.path(ids));
    match route.body {
        Some(body) => call.json(&body(ids)),
        None => call,
    }
}

/// The rows of a tenant in every table but the audit log, as another program reads them.
fn rows_of(app: &TestApp, tenant: TenantId) -> Vec<String> {
    let tables = ["authors", "books", "reviews", "messages", "profiles"];
    let what = if app.place.is_postgres() {
        "t::text"
    } else {
        "*"
    };
    let rows = tables.map(|table| {
        let t = tenant.get();
        let found = app.place.sql(&format!(
            "SELECT {what} FROM catalog_{table} t WHERE tenant_id = {t}"
        ));
        let mut rows: Vec<_> = found.lines().collect();
        rows.sort_unstable();
        format!("{table}: {}", rows.join("\n"))
    });
    rows.into()
}

fn assert_no_canary(name: &str, answer: &Answer) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains(CANARY), "{name}: {body}");
    for (header, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        assert!(!value.contains(CANARY), "{name}: {header}: {value}");
    }
}

async fn every_documented_route_has_a_case(app: TestApp) {
    let document = app.public().get("/openapi.json").await.assert_status(200);
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/catalog").unwrap_or(path);
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                documented.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let known: BTreeSet<_> = ROUTES.iter().map(Route::name).collect();
    assert_eq!(known.len(), ROUTES.len(), "each stands once");
    let missing: Vec<_> = documented.difference(&known).collect();
    assert!(missing.is_empty(), "routes without a case: {missing:#?}");
    let gone: Vec<_> = known.difference(&documented).collect();
    assert!(gone.is_empty(), "cases without a route: {gone:#?}");
    app.stop().await;
}

async fn every_route_asks_for_its_permission(app: TestApp) {
    let mut nest = Nest::new(&app).await;
    let ids = nest.rows(&app).await;
    let before = rows_of(&app, nest.tenant);
    for route in ROUTES {
        let name = route.name();
        let open = app.public().send(call(route, &ids)).await;
        assert_eq!(open.status, 401, "{name} for the public: {open:?}");
        let forged = app.public().bearer("eyJhbGciOiJub25lIn0.e30.");
        let forged = forged.send(call(route, &ids)).await;
        assert_eq!(forged.status, 401, "{name} with a forged token: {forged:?}");
        // Everything but what this route asks for.
        let (resource, action) = route.may.split_once(':').unwrap();
        let others = ROUTES.iter().map(|other| other.may);
        let others: Vec<_> = others.filter(|may| *may != route.may).collect();
        let lacks = app.person(nest.tenant, "somebody", &others.join(" "));
        let refused = lacks.send(call(route, &ids)).await;
        let refused = refused.assert_refused(403, "forbidden");
        assert_eq!(refused["required"], route.may, "{name}");
        let roles = &refused["error"]["details"]["missing_roles"];
        assert!(
            roles[0].is_string(),
            "{name}: {refused} for {resource} {action}"
        );
    }
    assert_eq!(rows_of(&app, nest.tenant), before);
    app.stop().await;
}

/// Inside their own tenant all calls succeed, so that a dead route cannot pass for an isolated one; and they cost no more than
/// the table says.
async fn every_route_works_at_home_within_its_budget(app: TestApp) {
    let mut nest = Nest::new(&app).await;
    for route in ROUTES {
        let name = route.name();
        let ids = nest.rows(&app).await;
        let can = app.person(nest.tenant, "somebody", route.may);
        let answer = can.send(call(route, &ids)).await;
        assert_eq!(answer.status, route.status, "{name}: {answer:?}");
        let cost = answer.statements();
        assert!(
            cost <= route.budget,
            "{name} costs {cost} statements, not {}",
            route.budget
        );
    }
    app.stop().await;
}

async fn nothing_of_another_tenant_is_seen_or_changed(app: TestApp) {
    let mut nest = Nest::new(&app).await;
    let ids = nest.rows(&app).await;
    let list = "/catalog/authors/paginated?cursor=&per_page=1";
    nest.rows(&app).await;
    let page = nest.owner.get(list).await.assert_status(200);
    let cursor = page["meta"]["next_cursor"].as_str().unwrap();
    let before = rows_of(&app, nest.tenant);
    let other = app.tenant("other").await;
    let mallory = app.person(other, "mallory", EVERYTHING);
    for (n, route) in ROUTES.iter().enumerate() {
        let (name, ids) = (route.name(), Ids { n, ..ids.clone() });
        let answer = mallory.send(call(route, &ids)).await;
        match route.foreign {
            Foreign::NotFound => assert_eq!(answer.status, 404, "{name}: {answer:?}"),
            Foreign::Invalid => assert_eq!(answer.status, 422, "{name}: {answer:?}"),
            Foreign::Own => assert_eq!(answer.status, route.status, "{name}: {answer:?}"),
        }
        // What the caller itself has written may come back: its path names the profile.
        if !route.path.contains("{user_id}") {
            assert_no_canary(&name, &answer);
        }
    }
    for path in [
        format!("/catalog/authors/paginated?cursor={cursor}&per_page=1"),
        format!("/catalog/authors/paginated?id={}", ids.author),
        format!("/catalog/authors/paginated?tenant_id={}", nest.tenant.get()),
        format!("/catalog/authors?search={CANARY}"),
        format!(
            "/catalog/books?author_id={}&eager_load=author,reviews",
            ids.author
        ),
        format!(
            "/catalog/reviews?book_id={}&eager_load=author,book",
            ids.book
        ),
        "/catalog/messages?channel=general".to_owned(),
    ] {
        let answer = mallory.get(&path).await;
        assert_no_canary(&path, &answer);
        assert!(
            [200, 400, 403].contains(&answer.status),
            "{path}: {answer:?}"
        );
    }
    assert_eq!(rows_of(&app, nest.tenant), before);
    app.stop().await;
}

/// The schema itself refuses a book of one tenant for an author of another.
async fn no_row_joins_two_tenants(app: TestApp) {
    let mut nest = Nest::new(&app).await;
    let ids = nest.rows(&app).await;
    let other = app.tenant("other").await.get();
    let author = ids.author;
    let text = format!(
        "INSERT INTO catalog_books (tenant_id, author_id, title) VALUES ({other}, {author}, 'T')"
    );
    if app.place.is_postgres() {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| app.place.sql(&text)));
        assert!(
            tried.is_err(),
            "a book of another tenant's author was stored"
        );
    } else {
        // Another program on SQLite says itself whether it keeps to foreign keys.
        let mallory = app.person(TenantId(other), "mallory", EVERYTHING);
        let book = json!({"author_id": author, "title": "T"});
        mallory
            .post("/catalog/books", &book)
            .await
            .assert_refused(422, "invalid_data");
    }
    let n = format!("SELECT count(*) FROM catalog_books WHERE tenant_id = {other}");
    assert_eq!(app.place.number(&n), 0);
    app.stop().await;
}
