//! Roles: made of permissions that the maker has, felt by their holders at once.

use serde_json::json;

use crate::on_both;
use crate::world::{TestApp, text};

async fn roles_are_made_changed_and_felt_at_once(app: TestApp) {
    let olga = app.tenant("acme").await;
    let body = json!({"name": "Helper", "description": "helps", "permissions": ["users:read", "roles:read"]});
    let made = olga.client.post("/roles", &body).await.assert_status(201);
    assert_eq!(
        (&made["version"], &made["is_builtin"]),
        (&json!(1), &json!(false))
    );
    olga.client
        .post("/roles", &body)
        .await
        .assert_refused(409, "conflict");
    let path = format!("/roles/{}", text(&made["id"]));
    let hal = app
        .person_with(&olga, "hal@acme.example", &["Helper"])
        .await;
    hal.client.get("/users").await.assert_status(200);
    app.warm(&olga).await;
    let read = olga.client.get(&path).await;
    assert_eq!(read.statements(), 1);
    let tag = read.header("etag").unwrap().to_owned();
    let list = olga.client.get("/roles").await;
    assert_eq!(list.statements(), 1);
    let list = list.assert_status(200);
    let names: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| text(&r["name"]))
        .collect();
    assert_eq!(names, ["Helper", "admin", "member", "owner", "viewer"]);
    let holders = olga.client.get(&format!("{path}/users")).await;
    assert!(holders.statements() <= 2);
    assert_eq!(
        holders.assert_status(200)["items"][0]["email"],
        "hal@acme.example"
    );
    // Fewer permissions: the next request of whoever has the role feels it.
    let fewer = json!({"permissions": ["roles:read"], "name": "Reader"});
    let fewer = olga.client.patch(&path, &fewer).await.assert_status(200);
    assert_eq!(
        (&fewer["version"], &fewer["permissions"]),
        (&json!(2), &json!(["roles:read"]))
    );
    hal.client
        .get("/users")
        .await
        .assert_refused(403, "forbidden");
    let stale = brisk_testkit::services::Call::new("PATCH", path.clone());
    let stale = stale
        .header("if-match", &tag)
        .json(&json!({"description": "x"}));
    olga.client
        .send(stale)
        .await
        .assert_refused(412, "precondition-failed");
    // One that somebody has goes only by force.
    olga.client
        .delete(&path)
        .await
        .assert_refused(409, "conflict");
    assert_eq!(
        olga.client
            .delete(&format!("{path}?force=true"))
            .await
            .status,
        204
    );
    olga.client
        .get(&path)
        .await
        .assert_refused(404, "not-found");
    hal.client
        .get("/roles")
        .await
        .assert_refused(403, "forbidden");
    let told = "SELECT count(*) FROM identity_audit_log WHERE resource_type = 'role'";
    assert_eq!(app.place.number(told), 3);
    app.stop().await;
}

async fn what_every_tenant_has_stays(app: TestApp) {
    let olga = app.tenant("acme").await;
    for name in ["owner", "admin", "member", "viewer"] {
        let path = format!("/roles/{}", app.role(olga.tenant, name));
        olga.client
            .delete(&path)
            .await
            .assert_refused(409, "conflict");
        let renamed = olga.client.patch(&path, &json!({"name": "mine"})).await;
        renamed.assert_refused(409, "conflict");
    }
    let owner = format!("/roles/{}", app.role(olga.tenant, "owner"));
    let less = olga
        .client
        .patch(&owner, &json!({"permissions": ["users:read"]}))
        .await;
    less.assert_refused(409, "conflict");
    let viewer = format!("/roles/{}", app.role(olga.tenant, "viewer"));
    let more = json!({"permissions": ["users:read", "audit:read"], "is_default": true});
    assert_eq!(
        olga.client.patch(&viewer, &more).await.assert_status(200)["is_default"],
        true
    );
    app.stop().await;
}

async fn nobody_makes_a_role_of_what_it_lacks(app: TestApp) {
    let olga = app.tenant("acme").await;
    let adam = app
        .person_with(&olga, "adam@acme.example", &["admin"])
        .await;
    for (permissions, required) in [
        (json!(["*:*"]), "*:*"),
        (json!(["tenant:delete"]), "tenant:delete"),
    ] {
        let body = json!({"name": "More", "permissions": permissions});
        let refused = adam
            .client
            .post("/roles", &body)
            .await
            .assert_refused(403, "forbidden");
        assert_eq!(refused["required"], required);
    }
    let owner = format!("/roles/{}", app.role(olga.tenant, "owner"));
    adam.client
        .patch(&owner, &json!({"description": "x"}))
        .await
        .assert_refused(403, "forbidden");
    // Nor does anybody get at the secret of a machine that may more.
    let robot = json!({"name": "Robot", "scopes": ["*:*"]});
    let robot = olga
        .client
        .post("/clients", &robot)
        .await
        .assert_status(201);
    let path = format!("/clients/{}/rotate-secret", text(&robot["client_id"]));
    let refused = adam
        .client
        .post(&path, &json!({}))
        .await
        .assert_refused(403, "forbidden");
    assert_eq!(refused["required"], "*:*");
    // The platform's are not a tenant's to give, not even to its owner.
    for name in ["platform:*", "tenants:read", "keys:rotate"] {
        let body = json!({"name": "Staff", "permissions": [name]});
        olga.client
            .post("/roles", &body)
            .await
            .assert_refused(403, "forbidden");
    }
    let body = json!({"name": "a,b", "permissions": ["users:fly", "nonsense"]});
    let wrong = olga
        .client
        .post("/roles", &body)
        .await
        .assert_refused(422, "validation");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 3);
    app.stop().await;
}

async fn the_catalogue_costs_nothing(app: TestApp) {
    let olga = app.tenant("acme").await;
    app.warm(&olga).await;
    let all = olga.client.get("/permissions").await;
    assert_eq!(all.statements(), 0);
    let tag = all.header("etag").unwrap().to_owned();
    let items = all.assert_status(200)["items"].as_array().unwrap().len();
    assert!(items > 30, "{items}");
    let call =
        brisk_testkit::services::Call::new("GET", "/permissions").header("if-none-match", &tag);
    assert_eq!(olga.client.send(call).await.status, 304);
    app.public().get("/permissions").await.assert_status(401);
    app.stop().await;
}

on_both!(
    roles_are_made_changed_and_felt_at_once,
    what_every_tenant_has_stays,
    nobody_makes_a_role_of_what_it_lacks,
    the_catalogue_costs_nothing,
);
