//! Those who run a tenant look after its people: lists, changes, rights, last owners, many at once.

use std::collections::BTreeSet;

use brisk_testkit::services::Call;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{PASSWORD, Person, TestApp, owner, text};

fn one(person: &Person) -> String {
    format!("/users/{}", person.id)
}

async fn people_are_made_read_changed_and_deleted(app: TestApp) {
    let olga = app.tenant("acme").await;
    let body = json!({"email": "Ann@acme.example", "full_name": "Ann Lee", "password": PASSWORD, "metadata": {"desk": 7}});
    let made = olga.client.post("/users", &body).await;
    let at = made.header("location").unwrap().to_owned();
    let ann = made.assert_status(201);
    assert_eq!(
        (&ann["status"], &ann["is_active"]),
        (&json!("active"), &json!(true))
    );
    assert_eq!(ann["roles"][0], "member");
    assert_eq!(ann["email_verified"], false);
    assert!(at.ends_with(text(&ann["id"])), "{at}");
    olga.client
        .post("/users", &body)
        .await
        .assert_refused(409, "conflict");
    // Without a password it is invited.
    let invited = json!({"email": "new@acme.example", "full_name": "New", "role_ids": []});
    let invited = olga
        .client
        .post("/users", &invited)
        .await
        .assert_status(201);
    assert_eq!(
        (&invited["status"], &invited["roles"]),
        (&json!("invited"), &json!([]))
    );
    let path = format!("/users/{}", text(&ann["id"]));
    app.warm(&olga).await;
    let read = olga.client.get(&path).await;
    assert_eq!(read.statements(), 1);
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.assert_status(200)["roles"][0], "member");
    let change = |tag: &str, body: Value| {
        Call::new("PATCH", path.clone())
            .header("if-match", tag)
            .json(&body)
    };
    let renamed = olga
        .client
        .send(change(&tag, json!({"full_name": "Ann Li"})))
        .await;
    let newer = renamed.header("etag").unwrap().to_owned();
    assert_eq!(renamed.assert_status(200)["full_name"], "Ann Li");
    assert_eq!(olga.client.get(&path).await.header("etag"), Some(&*newer));
    for (stale, body) in [
        (&tag, json!({"full_name": "X"})),
        (&"W/\"0\"".to_owned(), json!({})),
    ] {
        let stale = olga.client.send(change(stale, body)).await;
        stale.assert_refused(412, "precondition-failed");
    }
    let weak = change(
        &format!("W/{newer}"),
        json!({"email": "ann.li@acme.example"}),
    );
    let moved = olga.client.send(weak).await.assert_status(200);
    assert_eq!(moved["email"], "ann.li@acme.example");
    let clash = olga
        .client
        .patch(&path, &json!({"email": owner("acme")}))
        .await;
    clash.assert_refused(409, "conflict");
    let wrong = json!({"email": "x", "full_name": "", "metadata": 1});
    let wrong = olga
        .client
        .patch(&path, &wrong)
        .await
        .assert_refused(422, "validation");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 3);
    // Deleted, the address is free and the token ends.
    let ann = app.sign_in("ann.li@acme.example", Some("acme")).await;
    assert_eq!(olga.client.delete(&path).await.status, 204);
    ann.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    olga.client
        .get(&path)
        .await
        .assert_refused(404, "not-found");
    olga.client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    let again = json!({"email": "ann.li@acme.example", "full_name": "Ann"});
    olga.client.post("/users", &again).await.assert_status(201);
    let told = "SELECT count(*) FROM identity_audit_log WHERE action IN ('user.created', 'user.updated', 'user.deleted')";
    assert_eq!(app.place.number(told), 6);
    app.stop().await;
}

async fn lists_are_one_statement_each_way(app: TestApp) {
    let olga = app.tenant("acme").await;
    let rows: Vec<_> = (0..45)
        .map(|i| json!({"email": format!("p{i:02}@acme.example"), "full_name": format!("Person {i:02}")}))
        .collect();
    let made = olga
        .client
        .post("/users/bulk", &json!({"users": rows}))
        .await;
    assert_eq!(made.assert_status(200)["created"], 45);
    app.warm(&olga).await;
    let numbered = olga.client.get("/users?page=2&page_size=20").await;
    assert_eq!(numbered.statements(), 1);
    let numbered = numbered.assert_status(200);
    let members: BTreeSet<_> = numbered
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = [
        "items",
        "total",
        "page",
        "page_size",
        "pages",
        "has_next",
        "has_prev",
    ];
    assert_eq!(members, BTreeSet::from(wanted));
    assert_eq!(
        (&numbered["total"], &numbered["pages"]),
        (&json!(46), &json!(3))
    );
    assert_eq!(
        (&numbered["has_next"], &numbered["has_prev"]),
        (&json!(true), &json!(true))
    );
    let item: BTreeSet<_> = numbered["items"][0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = [
        "id",
        "email",
        "full_name",
        "status",
        "is_active",
        "is_superuser",
        "created_at",
    ];
    assert_eq!(item, BTreeSet::from(wanted));
    // Beyond the end a second statement says how many there are.
    let beyond = olga.client.get("/users?page=9").await;
    assert_eq!(beyond.statements(), 2);
    assert_eq!(beyond.assert_status(200)["total"], 46);
    // By cursor, all of them once, forward and back.
    let mut seen = Vec::new();
    let mut path = "/users?sort=email&limit=20".to_owned();
    let back = loop {
        let page = olga.client.get(&path).await;
        assert_eq!(page.statements(), 1);
        let page = page.assert_status(200);
        let members: BTreeSet<_> = page
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            members,
            BTreeSet::from(["items", "next_cursor", "prev_cursor", "total", "limit"])
        );
        assert_eq!((&page["total"], &page["limit"]), (&Value::Null, &json!(20)));
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|i| text(&i["email"]).to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break page["prev_cursor"].as_str().map(str::to_owned);
        };
        path = format!("/users?sort=email&limit=20&cursor={next}");
    };
    assert_eq!(seen.len(), 46);
    assert!(seen.is_sorted());
    let back = olga
        .client
        .get(&format!(
            "/users?sort=email&limit=20&cursor={}",
            back.unwrap()
        ))
        .await;
    assert_eq!(
        text(&back.assert_status(200)["items"][19]["email"]),
        seen[39]
    );
    // A cursor of another filter, or of another tenant.
    let first = olga.client.get("/users?limit=5").await.assert_status(200);
    let cursor = text(&first["next_cursor"]);
    let other = app.tenant("other").await;
    for (client, query) in [
        (&olga.client, "&status=active"),
        (&olga.client, "&sort=email"),
        (&other.client, ""),
    ] {
        let refused = client
            .get(&format!("/users?limit=5&cursor={cursor}{query}"))
            .await;
        assert!([400, 422].contains(&refused.status), "{refused:?}");
    }
    // The total is kept; search is by the beginning of address or name.
    let total = "/users?include_total=true&q=PERSON%200&limit=3";
    assert_eq!(olga.client.get(total).await.assert_status(200)["total"], 10);
    app.warm(&olga).await;
    olga.client.get(total).await.assert_status(200);
    assert_eq!(olga.client.get(total).await.statements(), 1);
    let theirs = other.client.get("/users?include_total=true&limit=3").await;
    assert_eq!(theirs.assert_status(200)["total"], 1);
    let one = olga.client.get("/users?q=p01@").await.assert_status(200);
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let none = olga
        .client
        .get("/users?q=01&status=invited")
        .await
        .assert_status(200);
    assert_eq!(none["items"], json!([]));
    let active = olga
        .client
        .get("/users?status=active&page=1")
        .await
        .assert_status(200);
    assert_eq!(active["total"], 1);
    for bad in [
        "limit=0",
        "limit=101",
        "page=0",
        "page=1&cursor=x",
        "sort=password_hash",
        "status=gone",
        "who=me",
    ] {
        let refused = olga.client.get(&format!("/users?{bad}")).await;
        assert_eq!(refused.status, 422, "{bad}: {refused:?}");
    }
    app.stop().await;
}

async fn members_change_nobody(app: TestApp) {
    // Fault 3 of the founding application: these had no check at all.
    let olga = app.tenant("acme").await;
    let mia = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    let path = one(&olga);
    mia.client.get(&path).await.assert_status(200);
    let calls = [
        Call::new("PATCH", path.clone()).json(&json!({"email": "mine@evil.example"})),
        Call::new("DELETE", path.clone()),
        Call::new("POST", format!("{path}/deactivate")),
        Call::new("POST", format!("{path}/activate")),
        Call::new("POST", format!("{path}/unlock")),
        Call::new("GET", format!("{path}/sessions")),
        Call::new("DELETE", format!("{path}/sessions")),
        Call::new("PUT", format!("{path}/roles")).json(&json!({"role_ids": []})),
        Call::new("POST", "/users").json(&json!({"email": "a@b.example", "full_name": "A"})),
        Call::new("POST", "/users/bulk").json(&json!({"users": []})),
    ];
    for call in calls {
        let refused = mia.client.send(call).await.assert_refused(403, "forbidden");
        assert!(refused["required"].is_string(), "{refused}");
    }
    olga.client.get("/users/me").await.assert_status(200);
    app.stop().await;
}

async fn nobody_gives_or_touches_what_it_lacks(app: TestApp) {
    let olga = app.tenant("acme").await;
    let names = ["owner", "admin", "member", "viewer"];
    let mut all = vec![];
    for name in names {
        all.push(
            app.person_with(&olga, &format!("{name}1@acme.example"), &[name])
                .await,
        );
    }
    let [boss, adam, ..] = &all[..] else {
        unreachable!()
    };
    // Whether somebody of one role may change somebody of another, for every pair.
    for (i, caller) in all.iter().enumerate() {
        for (j, target) in all.iter().enumerate() {
            let answer = caller
                .client
                .patch(&one(target), &json!({"full_name": "Renamed"}))
                .await;
            let wanted = match (i, j) {
                (0, _) | (1, 1..) => 200,
                _ => 403,
            };
            assert_eq!(
                answer.status, wanted,
                "{} changes {}: {answer:?}",
                names[i], names[j]
            );
        }
        for name in names {
            let give = json!({"role_ids": [app.role(olga.tenant, name)]});
            let new = json!({"email": format!("{i}{name}@acme.example"), "full_name": "N", "role_ids": give["role_ids"]});
            let answer = caller.client.post("/users", &new).await;
            let may = i == 0 || (i == 1 && name != "owner");
            assert_eq!(
                answer.status,
                if may { 201 } else { 403 },
                "{} gives {name}",
                names[i]
            );
        }
    }
    // An admin cannot lock out, delete or sign out an owner, nor make itself one.
    for call in [
        Call::new("POST", format!("{}/deactivate", one(boss))),
        Call::new("DELETE", one(boss)),
        Call::new("DELETE", format!("{}/sessions", one(boss))),
        Call::new("PUT", format!("{}/roles", one(boss))).json(&json!({"role_ids": []})),
        Call::new(
            "PUT",
            format!("{}/roles/{}", one(adam), app.role(olga.tenant, "owner")),
        ),
        Call::new("PUT", format!("{}/roles", one(adam)))
            .json(&json!({"role_ids": [app.role(olga.tenant, "owner")]})),
    ] {
        let refused = adam
            .client
            .send(call)
            .await
            .assert_refused(403, "forbidden");
        assert_eq!(refused["required"], "*:*", "{refused}");
    }
    // Only superusers make superusers, and only when they have just signed in.
    let make = json!({"is_superuser": true});
    boss.client
        .patch(&one(adam), &make)
        .await
        .assert_refused(403, "forbidden");
    olga.client
        .patch(&one(adam), &make)
        .await
        .assert_status(200);
    app.clock.advance(std::time::Duration::from_secs(301));
    let take = json!({"is_superuser": false});
    olga.client
        .patch(&one(adam), &take)
        .await
        .assert_refused(401, "reauthentication-required");
    let olga = app.sign_in(&owner("acme"), Some("acme")).await;
    olga.client
        .patch(&one(adam), &take)
        .await
        .assert_status(200);
    app.stop().await;
}

async fn locked_out_is_out_at_once(app: TestApp) {
    let olga = app.tenant("acme").await;
    let mia = app
        .person_with(&olga, "mia@acme.example", &["member"])
        .await;
    mia.client.get("/users/me").await.assert_status(200);
    app.warm(&olga).await;
    let sessions = olga.client.get(&format!("{}/sessions", one(&mia))).await;
    assert!(sessions.statements() <= 2, "{}", sessions.statements());
    assert_eq!(
        sessions.assert_status(200)["sessions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for _ in 0..2 {
        let off = olga
            .client
            .post(&format!("{}/deactivate", one(&mia)), &json!({}))
            .await;
        assert_eq!(off.assert_status(200)["status"], "disabled");
    }
    mia.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    app.refresh(&mia.refresh)
        .await
        .assert_refused(401, "invalid-refresh-token");
    app.login("mia@acme.example", PASSWORD, Some("acme"))
        .await
        .assert_refused(403, "account-disabled");
    for _ in 0..2 {
        let on = olga
            .client
            .post(&format!("{}/activate", one(&mia)), &json!({}))
            .await;
        assert_eq!(on.assert_status(200)["is_active"], true);
    }
    // What ended stays ended.
    mia.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    let mia = app.sign_in("mia@acme.example", Some("acme")).await;
    assert_eq!(
        olga.client
            .delete(&format!("{}/sessions", one(&mia)))
            .await
            .status,
        204
    );
    mia.client
        .get("/users/me")
        .await
        .assert_refused(401, "invalid-token");
    // Wrong guesses are forgotten.
    for _ in 0..6 {
        app.login("mia@acme.example", "wrong wrong wrong", Some("acme"))
            .await;
    }
    app.login("mia@acme.example", PASSWORD, Some("acme"))
        .await
        .assert_refused(429, "too-many-attempts");
    assert_eq!(
        olga.client
            .post(&format!("{}/unlock", one(&mia)), &json!({}))
            .await
            .status,
        204
    );
    app.login("mia@acme.example", PASSWORD, Some("acme"))
        .await
        .assert_status(200);
    // A role that is taken counts at the next request.
    let mia = app.sign_in("mia@acme.example", Some("acme")).await;
    mia.client.get("/users").await.assert_status(200);
    let role = app.role(olga.tenant, "member");
    let path = format!("{}/roles/{role}", one(&mia));
    assert_eq!(olga.client.delete(&path).await.status, 204);
    mia.client
        .get("/users")
        .await
        .assert_refused(403, "forbidden");
    olga.client
        .delete(&path)
        .await
        .assert_refused(404, "not-found");
    assert_eq!(olga.client.send(Call::new("PUT", path)).await.status, 204);
    mia.client.get("/users").await.assert_status(200);
    app.stop().await;
}

async fn a_tenant_keeps_an_owner(app: TestApp) {
    let mut olga = app.tenant("acme").await;
    let role = app.role(olga.tenant, "owner");
    for call in [
        Call::new("POST", format!("{}/deactivate", one(&olga))),
        Call::new("DELETE", one(&olga)),
        Call::new("DELETE", format!("{}/roles/{role}", one(&olga))),
        Call::new("PUT", format!("{}/roles", one(&olga))).json(&json!({"role_ids": []})),
    ] {
        olga.client
            .send(call)
            .await
            .assert_refused(409, "last-owner");
    }
    // Two owners who take each other's place at the same time: one of them stays.
    for round in 0..5 {
        let email = format!("boss{round}@acme.example");
        let boss = app.person_with(&olga, &email, &["owner"]).await;
        let call = |who: &Person| match round % 2 {
            0 => Call::new("DELETE", format!("{}/roles/{role}", one(who))),
            _ => Call::new("POST", format!("{}/deactivate", one(who))),
        };
        let calls = [
            olga.client.send(call(&boss)),
            boss.client.send(call(&olga)),
            boss.client.send(call(&boss)),
            olga.client.send(call(&olga)),
        ];
        let answers = join_all(calls).await;
        let owners = format!(
            "SELECT count(*) FROM identity_user_roles h JOIN identity_users u ON u.id = h.user_id
             JOIN identity_roles r ON r.id = h.role_id
             WHERE h.tenant_id = {} AND r.name = 'owner' AND u.status = 'active' AND u.deleted_at IS NULL",
            olga.tenant
        );
        assert!(app.place.number(&owners) >= 1, "{answers:?}");
        // As it was, for the next round.
        let repair = if app.place.is_postgres() {
            format!(
                "UPDATE identity_users SET status = 'active' WHERE id = '{}'",
                olga.id
            )
        } else {
            format!(
                "UPDATE identity_users SET status = 'active' WHERE id = unhex('{}')",
                olga.id.replace('-', "")
            )
        };
        app.place.sql(&repair);
        let give = if app.place.is_postgres() {
            format!(
                "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_at)
                 VALUES ({}, '{}', '{role}', now()) ON CONFLICT DO NOTHING",
                olga.tenant, olga.id
            )
        } else {
            format!(
                "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_at)
                 VALUES ({}, unhex('{}'), unhex('{}'), 0) ON CONFLICT DO NOTHING",
                olga.tenant,
                olga.id.replace('-', ""),
                role.replace('-', "")
            )
        };
        app.place.sql(&give);
        olga = app.sign_in(&owner("acme"), Some("acme")).await;
        let ids = olga.client.get("/users?limit=100").await.assert_status(200);
        for item in ids["items"].as_array().unwrap() {
            if item["id"] != json!(olga.id) {
                let gone = olga
                    .client
                    .delete(&format!("/users/{}", text(&item["id"])))
                    .await;
                assert_eq!(gone.status, 204, "{gone:?}");
            }
        }
    }
    app.stop().await;
}

async fn many_are_made_at_once(app: TestApp) {
    let olga = app.tenant("acme").await;
    let viewer = app.role(olga.tenant, "viewer");
    let other = app.tenant("other").await;
    let theirs = app.role(other.tenant, "viewer");
    let mut rows: Vec<_> = (0..995)
        .map(|i| json!({"email": format!("p{i}@acme.example"), "full_name": "P", "role_ids": [viewer]}))
        .collect();
    rows.push(json!({"email": "P0@acme.example", "full_name": "P"}));
    rows.push(json!({"email": owner("acme"), "full_name": "P"}));
    rows.push(json!({"email": "x", "full_name": ""}));
    rows.push(json!({"email": "q@acme.example", "full_name": "P", "role_ids": [theirs]}));
    rows.push(json!({"email": "last@acme.example", "full_name": "P"}));
    let made = olga
        .client
        .post("/users/bulk", &json!({"users": rows}))
        .await;
    let few = made.statements();
    let made = made.assert_status(200);
    assert_eq!(
        (&made["created"], &made["failed"]),
        (&json!(996), &json!(4))
    );
    let codes: Vec<_> = (995..999)
        .map(|i| made["results"][i]["errors"][0]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        ["conflict", "conflict", "invalid_email", "unknown_role"]
    );
    assert!(few <= 12, "{few}");
    let n = format!(
        "SELECT count(*) FROM identity_user_roles WHERE tenant_id = {}",
        olga.tenant
    );
    assert_eq!(app.place.number(&n), 997);
    rows.push(json!({"email": "more@acme.example", "full_name": "P"}));
    olga.client
        .post("/users/bulk", &json!({"users": rows}))
        .await
        .assert_status(422);
    app.stop().await;
}

on_both!(
    people_are_made_read_changed_and_deleted,
    lists_are_one_statement_each_way,
    members_change_nobody,
    nobody_gives_or_touches_what_it_lacks,
    locked_out_is_out_at_once,
    a_tenant_keeps_an_owner,
    many_are_made_at_once,
);
