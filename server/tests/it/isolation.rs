//! People's tokens in front of every service at once: who is signed in at one tenant finds nothing of another's anywhere.
//!
//! Each service walks its own routes with bodies that it accepts. This walk is about what only the whole program shows: that
//! an account of `identity` is a caller of its tenant in all the others.

use serde_json::{Value, json};

use crate::program::Server;

const CANARY: &str = "kanari7";

const PASSWORD: &str = "a few words do very well";

/// Shown to everybody on purpose.
const PUBLIC: [&str; 3] = ["/civic/v1/public/", "/civic/v1/scores/", "/civic/v1/nearby"];

/// Somebody who owns a tenant.
struct Owner {
    token: String,
    user: String,
    tenant: String,
    session: String,
}

fn json_of((status, body): &(u16, String), wanted: u16) -> Value {
    assert_eq!(*status, wanted, "{body}");
    serde_json::from_str(body).unwrap()
}

fn id_of(row: &Value) -> String {
    let id = &row["id"];
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

impl Owner {
    fn register(server: &Server, name: &str) -> Self {
        let body = json!({
            "email": format!("owner@{name}.example"), "password": PASSWORD, "full_name": format!("{name} Owner"),
            "tenant_name": name,
        });
        let made = server.call("POST", "/identity/auth/register", "", &body);
        let made = json_of(&made, 201);
        Self {
            token: made["access_token"].as_str().unwrap().to_owned(),
            user: id_of(&made["user"]),
            tenant: made["user"]["tenant_id"].to_string(),
            session: made["session_id"].as_str().unwrap().to_owned(),
        }
    }

    fn make(&self, server: &Server, path: &str, body: &Value) -> Value {
        json_of(&server.call("POST", path, &self.token, body), 201)
    }
}

/// The rows of a tenant, by the beginning of the paths that name them.
fn rows(server: &Server, owner: &Owner) -> Vec<(&'static str, String)> {
    let made = |path: &str, body: Value| id_of(&owner.make(server, path, &body));
    let report = json!({
        "description": format!("A large pothole, {CANARY}"), "category": "infrastructure", "location": CANARY,
        "lat": 30.0, "lon": -90.0,
    });
    let report = made("/civic/v1/reports", report);
    let found = server.call("GET", "/civic/v1/issues", &owner.token, &Value::Null);
    let issues = json_of(&found, 200);
    let issue = issues["issues"]
        .get(0)
        .map_or_else(|| "1".to_owned(), id_of);
    let calendar = json!({"name": CANARY, "timezone": "UTC", "weekly": {"1": [[480, 1080]]}});
    let category = json!({"code": "KANARI", "name": CANARY, "base_category": "infrastructure"});
    let policy = json!({"severity": "medium", "ack_minutes": 77, "resolve_minutes": 777});
    let client = json!({"name": CANARY, "scopes": ["users:read"]});
    let client = owner.make(server, "/identity/clients", &client);
    let row = json!({"submitted_at": "2026-03-01T12:00:00Z", "description": format!("A pothole of the past, {CANARY}")});
    let provider = json!({
        "slug": CANARY, "client_id": CANARY, "kind": "oidc", "issuer": "https://kanari7.example",
    });
    let provider = owner.make(server, "/identity/oauth-providers", &provider);
    let author = made("/catalog/authors", json!({ "name": CANARY }));
    let number = |id: &str| id.parse::<i64>().unwrap();
    let import = server.call("POST", "/civic/v1/imports", &owner.token, &row);
    vec![
        ("/civic/v1/issues/", issue),
        ("/civic/v1/reports/", report),
        (
            "/civic/v1/areas/",
            made("/civic/v1/areas", json!({"name": CANARY})),
        ),
        (
            "/civic/v1/categories/",
            made("/civic/v1/categories", category),
        ),
        (
            "/civic/v1/calendars/",
            made("/civic/v1/calendars", calendar),
        ),
        (
            "/civic/v1/sla/policies/",
            made("/civic/v1/sla/policies", policy),
        ),
        (
            "/civic/v1/api-keys/",
            made(
                "/civic/v1/api-keys",
                json!({"name": CANARY, "role": "agent"}),
            ),
        ),
        ("/civic/v1/imports/", id_of(&json_of(&import, 202))),
        // Whichever it is, it is not the caller's.
        ("/civic/v1/dedup/candidates/", "1".to_owned()),
        ("/civic/v1/tenants/", owner.tenant.clone()),
        ("/identity/users/me/identities/", owner.user.clone()),
        ("/identity/users/", owner.user.clone()),
        ("/identity/oauth-providers/", id_of(&provider)),
        ("/identity/auth/oauth/", CANARY.to_owned()),
        ("/catalog/authors/", author.clone()),
        (
            "/catalog/books/",
            made(
                "/catalog/books",
                json!({"author_id": number(&author), "title": CANARY}),
            ),
        ),
        (
            "/catalog/reviews/",
            made(
                "/catalog/reviews",
                json!({"author_id": number(&author), "rating": 5, "body": CANARY}),
            ),
        ),
        ("/catalog/users/", owner.user.clone()),
        ("/catalog/audit-logs/user/", owner.user.clone()),
        ("/catalog/audit-logs/", "1".to_owned()),
        (
            "/identity/roles/",
            made(
                "/identity/roles",
                json!({"name": CANARY, "permissions": ["users:read"]}),
            ),
        ),
        ("/identity/auth/sessions/", owner.session.clone()),
        ("/identity/admin/tenants/", owner.tenant.clone()),
        (
            "/identity/clients/",
            client["client_id"].as_str().unwrap().to_owned(),
        ),
    ]
}

#[test]
fn an_account_finds_nothing_of_another_tenant_in_any_service() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--no-demo"]);
    let document = server.call("GET", "/openapi.json", "", &Value::Null);
    let document = json_of(&document, 200);
    let (theirs, ours) = (
        Owner::register(&server, "theirs"),
        Owner::register(&server, "ours"),
    );
    let rows = rows(&server, &theirs);
    let role = rows.iter().find(|(path, _)| *path == "/identity/roles/");
    let role = &role.unwrap().1;
    let (mut named, mut listed) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        if PUBLIC.iter().any(|public| path.starts_with(public)) {
            continue;
        }
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_none() {
                continue;
            }
            let method = method.to_uppercase();
            let body = if matches!(&*method, "GET" | "DELETE") {
                Value::Null
            } else {
                json!({})
            };
            let name = format!("{method} {path}");
            if path.contains('{') {
                let row = rows.iter().find(|(prefix, _)| path.starts_with(prefix));
                let (_, id) = row
                    .unwrap_or_else(|| panic!("what the id of {name} is, this walk does not know"));
                let mut path = path.replace("{role_id}", role);
                for parameter in ["{id}", "{user_id}", "{provider}"] {
                    path = path.replace(parameter, id);
                }
                let (status, text) = server.call(&method, &path, &ours.token, &body);
                // Named by a subject and not by a row: what there is of it is the caller's own tenant's.
                let of_a_subject = ["/catalog/audit-logs/user/", "/catalog/users/"];
                let is_own = of_a_subject.iter().any(|of| path.starts_with(of)) && status == 200;
                assert!(
                    is_own || (400..500).contains(&status) && status != 429,
                    "{name}: {status} {text}"
                );
                assert!(!text.contains(CANARY), "{name}: {text}");
                named += 1;
            } else if method == "GET" {
                let (status, text) = server.call(&method, path, &ours.token, &body);
                assert!(status < 500 && status != 401, "{name}: {status} {text}");
                assert!(!text.contains(CANARY), "{name}: {text}");
                listed += 1;
            }
        }
    }
    assert!(
        named > 40 && listed > 15,
        "{named} and {listed} were walked"
    );
    // All of it is still there for its own people, so that nothing passes for isolated that was dead; but the audit log is
    // written behind the requests.
    for (path, id) in rows {
        let has_page = document["paths"]
            .get(format!("{path}{{id}}"))
            .is_some_and(|item| item.get("get").is_some());
        if has_page && !path.contains("/admin/") && !path.contains("/audit-logs/") {
            let (status, text) =
                server.call("GET", &format!("{path}{id}"), &theirs.token, &Value::Null);
            assert_eq!(status, 200, "{path}: {text}");
        }
    }
    assert_eq!(server.terminate().0, Some(0));
}
