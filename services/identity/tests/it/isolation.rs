//! Every operation of the API document: who is let in, what it costs, and that one tenant sees and changes nothing of another.

use std::collections::BTreeSet;

use brisk_testkit::services::{Answer, Call, Client};
use serde_json::{Value, json};

use crate::mfa::Authenticator;
use crate::routes::{Foreign, Ids, ROUTES, Route, Who, new_provider};
use crate::world::{PASSWORD, Person, TestApp, text};
use crate::{behind_the_wall, on_both};

/// Stands in every text of the tenant that nobody else may see.
const CANARY: &str = "kanari7";

/// A tenant full of canaries, with those who walk in it.
struct Nest {
    owner: Person,
    made: usize,
}

impl Nest {
    async fn new(app: &TestApp) -> Self {
        let owner = app.tenant(CANARY).await;
        let rules = json!({"sessions_max_per_user": 9});
        let body = json!({"name": format!("{CANARY} Works"), "settings": rules});
        owner
            .client
            .patch("/tenant", &body)
            .await
            .assert_status(200);
        Self { owner, made: 0 }
    }

    /// A person and a role of its own for one call.
    async fn rows(&mut self, sign_in: bool, app: &TestApp) -> (Ids, Option<Person>) {
        self.made += 1;
        let n = self.made;
        let body = json!({"name": format!("{CANARY} {n}"), "description": CANARY, "permissions": ["roles:read"]});
        let role = self
            .owner
            .client
            .post("/roles", &body)
            .await
            .assert_status(201);
        let email = format!("{CANARY}{n}@example.org");
        let body = json!({
            "email": email, "full_name": format!("{CANARY} Person"), "password": PASSWORD, "role_ids": [role["id"]],
            "metadata": {"note": CANARY},
        });
        let user = self
            .owner
            .client
            .post("/users", &body)
            .await
            .assert_status(201);
        let invited = json!({"email": format!("{CANARY}i{n}@example.org"), "full_name": format!("{CANARY} Guest")});
        let invited = self.owner.client.post("/users", &invited).await;
        let invited = invited.assert_status(201);
        let body = json!({"name": format!("{CANARY} robot"), "scopes": ["tokens:introspect"]});
        let robot = self.owner.client.post("/clients", &body).await;
        let robot = robot.assert_status(201);
        let mut provider = new_provider(n);
        provider["client_id"] = json!(CANARY);
        let provider = self.owner.client.post("/oauth-providers", &provider).await;
        let provider = provider.assert_status(201);
        let tenant = self.owner.tenant.to_string();
        let identity = linked(app, self.owner.tenant, text(&user["id"]), n);
        let person = if sign_in {
            Some(app.sign_in(&email, Some(&tenant)).await)
        } else {
            None
        };
        let of =
            |what: fn(&Person) -> &String| person.as_ref().map(what).cloned().unwrap_or_default();
        let ids = Ids {
            user: text(&user["id"]).to_owned(),
            invited: text(&invited["id"]).to_owned(),
            role: text(&role["id"]).to_owned(),
            session: person
                .as_ref()
                .map_or_else(|| self.owner.session.clone(), |p| p.session.clone()),
            refresh: of(|p| &p.refresh),
            access: of(|p| &p.access),
            client: text(&robot["client_id"]).to_owned(),
            secret: text(&robot["client_secret"]).to_owned(),
            provider: text(&provider["id"]).to_owned(),
            slug: text(&provider["slug"]).to_owned(),
            identity,
            tenant,
            email,
            n,
            ..Ids::default()
        };
        (ids, person)
    }
}

/// Links a provider to somebody, as a sign-in there does.
fn linked(app: &TestApp, tenant: i64, user: &str, n: usize) -> String {
    let id = uuid::Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0000 + n as u128);
    let (of, now) = if app.place.is_postgres() {
        (format!("'{id}', {tenant}, '{user}'"), "now()")
    } else {
        let user = user.replace('-', "");
        let id = id.simple();
        (format!("unhex('{id}'), {tenant}, unhex('{user}')"), "0")
    };
    app.place.sql(&format!(
        "INSERT INTO identity_user_identities (id, tenant_id, user_id, provider_key, subject, email, linked_at)
         VALUES ({of}, '{CANARY}', '{n}', '{CANARY}@idp.example', {now})"
    ));
    id.to_string()
}

fn call(route: &Route, ids: &Ids) -> Call {
    let call = Call::new(route.method, route.path(ids));
    match route.body.map(|body| body(ids)) {
        Some(Value::String(form)) => call.text("application/x-www-form-urlencoded", form),
        Some(body) => call.json(&body),
        None => call,
    }
}

/// The rows of a tenant in every table, as another program reads them.
fn rows_of(app: &TestApp, tenant: i64) -> Vec<String> {
    let tables = [
        "identity_users",
        "identity_roles",
        "identity_role_permissions",
        "identity_user_roles",
        "identity_sessions",
        "identity_refresh_tokens",
        "identity_one_time_tokens",
        "identity_user_identities",
        "identity_totp",
        "identity_recovery_codes",
        "identity_oauth_clients",
        "identity_oauth_providers",
        "identity_audit_log",
    ];
    let all = |table: &str, column: &str| {
        let what = if app.place.is_postgres() {
            "t::text"
        } else {
            "*"
        };
        let mut rows: Vec<_> = app
            .place
            .sql(&format!(
                "SELECT {what} FROM {table} t WHERE {column} = {tenant}"
            ))
            .lines()
            .map(str::to_owned)
            .collect();
        rows.sort_unstable();
        format!("{table}: {}", rows.join("\n"))
    };
    let mut rows: Vec<_> = tables.iter().map(|table| all(table, "tenant_id")).collect();
    rows.push(all("brisk_tenants", "id"));
    rows
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
        let path = path.strip_prefix("/identity").unwrap_or(path);
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
    let olga = app.tenant("acme").await;
    let nobody = app.person_with(&olga, "nobody@acme.example", &[]).await;
    let id = "0190a000-0000-7000-8000-000000000000".to_owned();
    let ids = Ids {
        user: id.clone(),
        invited: id.clone(),
        role: id.clone(),
        session: id.clone(),
        client: id.clone(),
        provider: id.clone(),
        slug: "corp".to_owned(),
        identity: id,
        tenant: olga.tenant.to_string(),
        ..Ids::default()
    };
    for route in ROUTES {
        let name = route.name();
        if route.who == Who::Public {
            continue;
        }
        let open = app.public().send(call(route, &ids)).await;
        assert_eq!(open.status, 401, "{name} for the public: {open:?}");
        let forged = app
            .public()
            .bearer("eyJhbGciOiJub25lIn0.e30.")
            .send(call(route, &ids))
            .await;
        assert_eq!(forged.status, 401, "{name} with a forged token: {forged:?}");
        if let Who::May(permission) | Who::Staff(permission) = route.who {
            let refused = nobody.client.send(call(route, &ids)).await;
            let refused = refused.assert_refused(403, "forbidden");
            assert_eq!(refused["required"], permission, "{name}");
        }
        if let Who::Staff(permission) = route.who {
            let refused = olga.client.send(call(route, &ids)).await;
            let refused = refused.assert_refused(403, "forbidden");
            assert_eq!(refused["required"], permission, "{name} for an owner");
        }
    }
    app.stop().await;
}

/// Inside their own tenant all calls succeed, so that a dead route cannot pass for an isolated one; and they cost no more than
/// the table says.
async fn every_route_works_at_home_within_its_budget(app: TestApp) {
    let root = app.staff().await;
    let mut nest = Nest::new(&app).await;
    for route in ROUTES {
        let name = route.name();
        let of_a_factor = route.path.contains("totp") || route.path.contains("mfa");
        let needs_person = matches!(route.who, Who::Public | Who::Person) || of_a_factor;
        let (mut ids, person) = nest.rows(needs_person, &app).await;
        if let Some(person) = person.as_ref().filter(|_| of_a_factor) {
            second_factor(route, person, &mut ids, &app).await;
        }
        let caller = match route.who {
            Who::Public => None,
            Who::Person => person.as_ref(),
            Who::May(_) => Some(&nest.owner),
            Who::Staff(_) => Some(&root),
        };
        let client: &Client = match caller {
            Some(caller) => {
                app.warm(caller).await;
                &caller.client
            }
            None => app.public(),
        };
        if route.name() == "DELETE /roles/{id}" {
            let taken = format!("/users/{}/roles/{}", ids.user, ids.role);
            assert_eq!(nest.owner.client.delete(&taken).await.status, 204);
            app.warm(&nest.owner).await;
        }
        let turn = async |what: &str| {
            let path = format!("/admin/tenants/{}/{what}", ids.tenant);
            root.client.post(&path, &json!({})).await.assert_status(200);
        };
        if route.path.ends_with("/resume") {
            turn("suspend").await;
            app.warm(&root).await;
        }
        let answer = client.send(call(route, &ids)).await;
        assert_eq!(answer.status, route.status, "{name}: {answer:?}");
        let mut cost = answer.statements();
        // On PostgreSQL a change is told a moment later, and may have ended meanwhile what was known of the caller.
        if cost > route.budget && route.method == "GET" {
            if let Some(caller) = caller {
                app.warm(caller).await;
            }
            cost = client.send(call(route, &ids)).await.statements();
        }
        assert!(
            cost <= route.budget,
            "{name} costs {cost} statements, not {}",
            route.budget
        );
        if route.path.ends_with("/suspend") {
            turn("resume").await;
        }
        if route.name() == "DELETE /tenant" {
            nest = Nest::again(&app).await;
        }
    }
    app.stop().await;
}

/// What a call about a second factor needs: an app that waits for its first code, or one that counts.
async fn second_factor(route: &Route, person: &Person, ids: &mut Ids, app: &TestApp) {
    match (route.method, route.path) {
        ("GET", _) | (_, "/auth/mfa/totp/enroll") => {}
        (_, "/auth/mfa/totp/confirm") => {
            ids.code = Authenticator::enroll(person).await.code(&app.clock);
        }
        (_, "/auth/login/mfa") => {
            let phone = Authenticator::confirmed(app, person).await;
            let asked = app.login(&ids.email, PASSWORD, Some(&ids.tenant)).await;
            let asked = asked.assert_refused(401, "mfa-required");
            text(&asked["mfa_token"]).clone_into(&mut ids.mfa_token);
            ids.code = phone.code(&app.clock);
        }
        _ => {
            Authenticator::confirmed(app, person).await;
        }
    }
}

impl Nest {
    /// Another one in place of one that is gone.
    async fn again(app: &TestApp) -> Self {
        let owner = app.tenant(&format!("{CANARY}b")).await;
        Self { owner, made: 0 }
    }
}

async fn nothing_of_another_tenant_is_seen_or_changed(app: TestApp) {
    // So that `/setup` is closed, as it is for ever after.
    app.staff().await;
    let mut nest = Nest::new(&app).await;
    let (ids, _) = nest.rows(true, &app).await;
    let olga = app.tenant("acme").await;
    let mia = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    let vic = app
        .person_with(&olga, "vic@acme.example", &["viewer"])
        .await;
    let cursor = nest
        .owner
        .client
        .get("/users?limit=1")
        .await
        .assert_status(200);
    let cursor = text(&cursor["next_cursor"]).to_owned();
    app.mails_are_done().await;
    let before = rows_of(&app, nest.owner.tenant);
    let mut n = 100;
    for route in ROUTES
        .iter()
        .filter(|route| route.foreign != Foreign::Proof)
    {
        for caller in [&olga, &mia, &vic] {
            let name = format!("{} by {}", route.name(), caller.id);
            // What ends the caller's own stay is tried by itself below.
            if route.ends && route.foreign == Foreign::Own {
                continue;
            }
            n += 1;
            let ids = Ids { n, ..ids.clone() };
            let answer = caller.client.send(call(route, &ids)).await;
            match route.foreign {
                Foreign::Refused => {
                    assert!(
                        [401, 403, 404].contains(&answer.status),
                        "{name}: {answer:?}"
                    );
                }
                Foreign::Own | Foreign::Proof => {
                    let fine = answer.status < 300 || [401, 403, 404].contains(&answer.status);
                    assert!(fine, "{name}: {answer:?}");
                }
            }
            assert_no_canary(&name, &answer);
        }
    }
    // In parameters, in lists of ids, and beside rows of one's own.
    for path in [
        format!("/users?cursor={cursor}&limit=1"),
        format!("/users?q={CANARY}"),
        format!("/audit?actor={}", ids.user),
        format!("/audit?resource_id={}", ids.user),
        format!("/audit?cursor={cursor}"),
        format!("/roles/{}/users", ids.role),
        format!("/users?tenant_id={}", ids.tenant),
    ] {
        let answer = olga.client.get(&path).await;
        if answer.status == 200 {
            let items = answer.json()["items"].clone();
            let known: Vec<_> = items
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i["id"].to_string())
                .collect();
            assert!(
                !known.iter().any(|id| id.contains(&ids.user)),
                "{path}: {items}"
            );
        } else {
            assert!(
                [400, 403, 404, 422].contains(&answer.status),
                "{path}: {answer:?}"
            );
        }
        assert_no_canary(&path, &answer);
    }
    // Of another tenant's token nobody hears more than of one that never was.
    let kind = "application/x-www-form-urlencoded";
    for token in [&*ids.access, "nonsense"] {
        let asked = Call::new("POST", "/oauth2/introspect").text(kind, format!("token={token}"));
        let told = olga.client.send(asked).await.assert_status(200);
        assert_eq!(told, json!({"active": false}));
    }
    let own = app.role(olga.tenant, "viewer");
    for (path, body) in [
        (
            format!("/users/{}/roles", mia.id),
            json!({"role_ids": [own, ids.role]}),
        ),
        (format!("/users/{}/roles/{}", mia.id, ids.role), Value::Null),
        (format!("/users/{}/roles/{own}", ids.user), Value::Null),
    ] {
        let mut call = Call::new("PUT", path);
        if !body.is_null() {
            call = call.json(&body);
        }
        let refused = olga.client.send(call).await;
        refused.assert_refused(404, "not-found");
    }
    // Another's id and one that is nobody's are answered alike.
    let unknown = "0190a000-0000-7000-8000-000000000000";
    let alike = |body: &Answer| {
        let mut body = body.json();
        for own in ["request_id", "trace_id", "instance"] {
            body.as_object_mut().unwrap().remove(own);
        }
        body
    };
    for (theirs, nobodys) in [
        (format!("/users/{}", ids.user), format!("/users/{unknown}")),
        (format!("/roles/{}", ids.role), format!("/roles/{unknown}")),
    ] {
        let (theirs, nobodys) = (
            olga.client.get(&theirs).await,
            olga.client.get(&nobodys).await,
        );
        assert_eq!(alike(&theirs), alike(&nobodys));
    }
    assert_eq!(rows_of(&app, nest.owner.tenant), before);
    // Even the end of the other tenant is not felt here.
    assert_eq!(
        vic.client.post("/auth/logout-all", &json!({})).await.status,
        204
    );
    olga.client.delete("/tenant").await.assert_status(202);
    assert_eq!(rows_of(&app, nest.owner.tenant), before);
    nest.owner.client.get("/users/me").await.assert_status(200);
    app.stop().await;
}

/// Fault 12 of the founding application: the schema itself refuses a role of one tenant for somebody of another.
async fn no_row_joins_two_tenants(app: TestApp) {
    let olga = app.tenant("acme").await;
    let other = app.tenant("other").await;
    let theirs = app.role(other.tenant, "viewer");
    for tenant in [olga.tenant, other.tenant] {
        let text = if app.place.is_postgres() {
            format!(
                "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_at)
                 VALUES ({tenant}, '{}', '{theirs}', now())",
                olga.id
            )
        } else {
            format!(
                "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_at)
                 VALUES ({tenant}, unhex('{}'), unhex('{}'), 0)",
                olga.id.replace('-', ""),
                theirs.replace('-', "")
            )
        };
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| app.place.sql(&text)));
        assert!(tried.is_err(), "a role of another tenant was stored");
    }
    let n = format!(
        "SELECT count(*) FROM identity_user_roles WHERE tenant_id = {}",
        olga.tenant
    );
    assert_eq!(app.place.number(&n), 1);
    app.stop().await;
}

on_both!(
    every_documented_route_has_a_case,
    every_route_asks_for_its_permission,
    every_route_works_at_home_within_its_budget,
    nothing_of_another_tenant_is_seen_or_changed,
    no_row_joins_two_tenants,
);

// The second wall changes nothing for whoever stays at home, and so it costs no call its answer.
behind_the_wall!(
    every_route_works_at_home_within_its_budget,
    nothing_of_another_tenant_is_seen_or_changed,
);
