//! Random work in three tenants, each of which always sees what a model of it says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use brisk_testkit::chance::{Seed, is_full};
use brisk_testkit::services::Call;
use serde_json::json;

use crate::on_both;
use crate::world::{Person, TestApp, text};

/// Steps of one run.
const STEPS: usize = 90;

/// Addresses that people of all three tenants have.
const ADDRESSES: usize = 6;

/// Somebody as the model has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    id: String,
    name: String,
    status: &'static str,
    is_viewer: bool,
}

/// A tenant as the model has it: people by address.
type Model = BTreeMap<String, Known>;

async fn compare(owner: &Person, model: &Model) {
    let list = owner.client.get("/users?limit=100&sort=email").await;
    let list = list.assert_status(200);
    let mut seen = BTreeMap::new();
    for item in list["items"].as_array().unwrap() {
        if text(&item["id"]) != owner.id {
            let name = text(&item["full_name"]).to_owned();
            seen.insert(
                text(&item["email"]).to_owned(),
                (name, text(&item["status"]).to_owned()),
            );
        }
    }
    let wanted = model
        .iter()
        .map(|(email, known)| (email.clone(), (known.name.clone(), known.status.to_owned())));
    assert_eq!(seen, wanted.collect());
}

async fn three_tenants_are_what_a_model_says(app: TestApp) {
    let seed = Seed::draw();
    let mut rng = seed.rng(0);
    let mut owners = Vec::new();
    for name in ["one", "two", "three"] {
        owners.push(app.tenant(name).await);
    }
    let viewers: Vec<_> = owners
        .iter()
        .map(|o| app.role(o.tenant, "viewer"))
        .collect();
    let mut models = vec![Model::new(); owners.len()];
    let steps = if is_full() { STEPS * 20 } else { STEPS };
    for step in 0..steps {
        let (at, of) = (rng.usize(..3), rng.usize(..3));
        let caller = &owners[at].client;
        let email = format!("p{}@example.org", rng.usize(..ADDRESSES));
        let name = format!("Name {step}");
        let target = models[of].get(&email).cloned();
        let kind = rng.usize(..7);
        let Some(target) = target.filter(|_| kind > 1) else {
            let body = json!({"email": email, "full_name": name, "role_ids": []});
            let made = caller.post("/users", &body).await;
            if let Entry::Vacant(free) = models[at].entry(email) {
                let id = text(&made.assert_status(201)["id"]).to_owned();
                let known = Known {
                    id,
                    name,
                    status: "invited",
                    is_viewer: false,
                };
                free.insert(known);
            } else {
                made.assert_refused(409, "conflict");
            }
            continue;
        };
        let path = format!("/users/{}", target.id);
        let role = format!("{path}/roles/{}", viewers[at]);
        let (call, changed) = match kind {
            2 => (
                Call::new("PATCH", path).json(&json!({"full_name": name})),
                Some(Known {
                    name,
                    ..target.clone()
                }),
            ),
            3 => (
                Call::new("POST", format!("{path}/deactivate")),
                Some(Known {
                    status: "disabled",
                    ..target.clone()
                }),
            ),
            4 => (
                Call::new("POST", format!("{path}/activate")),
                Some(Known {
                    status: "active",
                    ..target.clone()
                }),
            ),
            5 => (
                Call::new(if target.is_viewer { "DELETE" } else { "PUT" }, role),
                Some(Known {
                    is_viewer: !target.is_viewer,
                    ..target.clone()
                }),
            ),
            _ => (Call::new("DELETE", path), None),
        };
        let answer = caller.send(call).await;
        if at != of {
            answer.assert_refused(404, "not-found");
            continue;
        }
        assert!(answer.status < 300, "step {step}: {answer:?}");
        match changed {
            Some(changed) => models[of].insert(email, changed),
            None => models[of].remove(&email),
        };
        if step % 15 == 0 {
            compare(&owners[of], &models[of]).await;
        }
    }
    for (owner, model) in owners.iter().zip(&models) {
        compare(owner, model).await;
        for known in model.values() {
            let found = owner.client.get(&format!("/users/{}", known.id)).await;
            let roles = found.assert_status(200)["roles"].clone();
            let wanted = if known.is_viewer {
                json!(["viewer"])
            } else {
                json!([])
            };
            assert_eq!(roles, wanted);
        }
    }
    app.stop().await;
}

on_both!(three_tenants_are_what_a_model_says);
