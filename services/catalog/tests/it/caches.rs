//! What is remembered costs no statement, and is never older than a commit that its reader could know of.

use brisk_testkit::services::{Answer, Call, Client, FRESH, eventually};
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{EVERYTHING, TestApp};

on_both!(
    warm_pages_and_rows_cost_no_statement,
    who_writes_reads_its_own_write,
    what_another_program_writes_is_seen,
    a_profile_is_remembered_until_it_is_written,
);

const PAGE: &str = "/catalog/authors/paginated?eager_load=books";

/// Until an answer costs nothing.
async fn warm(client: &Client, path: &str) -> Answer {
    eventually("the answer is known", FRESH, async || {
        let answer = client.get(path).await;
        (answer.statements() == 0).then_some(answer)
    })
    .await
}

fn name(answer: &Answer) -> Value {
    answer.json()["items"][0]["name"].clone()
}

async fn warm_pages_and_rows_cost_no_statement(app: TestApp) {
    let (_, client) = app.librarian().await;
    let body = json!({"name": "Ann"});
    client
        .post("/catalog/authors", &body)
        .await
        .assert_status(201);
    client
        .post("/catalog/books", &json!({"author_id": 1, "title": "T"}))
        .await
        .assert_status(201);
    for path in [
        PAGE,
        "/catalog/authors/1?eager_load=books",
        "/catalog/books",
        "/catalog/books/1?eager_load=author",
        "/catalog/reviews",
    ] {
        let known = warm(&client, path).await;
        assert_eq!(known.status, 200, "{path}");
        // The client that has it already hears only that.
        let tag = known.header("etag").unwrap();
        let again = Call::new("GET", path).header("if-none-match", tag);
        let again = client.send(again).await;
        assert_eq!((again.status, again.statements()), (304, 0), "{path}");
    }
    app.stop().await;
}

async fn who_writes_reads_its_own_write(app: TestApp) {
    let (_, client) = app.librarian().await;
    client
        .post("/catalog/authors", &json!({"name": "A"}))
        .await
        .assert_status(201);
    for n in 0..50 {
        let written = format!("Author {n}");
        let body = json!({ "name": written });
        client
            .put("/catalog/authors/1", &body)
            .await
            .assert_status(200);
        assert_eq!(name(&client.get(PAGE).await), written);
        let one = client.get("/catalog/authors/1").await;
        assert_eq!(one.json()["name"], written);
    }
    // A relation ends the page of its parents.
    warm(&client, PAGE).await;
    client
        .post("/catalog/books", &json!({"author_id": 1, "title": "T"}))
        .await
        .assert_status(201);
    assert_eq!(
        client.get(PAGE).await.json()["items"][0]["books"][0]["title"],
        "T"
    );
    client.delete("/catalog/books/1").await;
    assert_eq!(
        client.get(PAGE).await.json()["items"][0]["books"],
        json!([])
    );
    app.stop().await;
}

async fn what_another_program_writes_is_seen(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    client
        .post("/catalog/authors", &json!({"name": "Ann"}))
        .await
        .assert_status(201);
    let other = app.tenant("other").await;
    let stranger = app.person(other, "stranger", EVERYTHING);
    stranger
        .post("/catalog/authors", &json!({"name": "Far"}))
        .await
        .assert_status(201);
    for (n, sql) in [
        "UPDATE catalog_authors SET name = 'Bob' WHERE id = 1".to_owned(),
        format!(
            "INSERT INTO catalog_authors (tenant_id, name) VALUES ({}, 'Carl')",
            tenant.get()
        ),
        format!(
            "INSERT INTO catalog_books (tenant_id, author_id, title) VALUES ({}, 1, 'T')",
            tenant.get()
        ),
        "DELETE FROM catalog_authors WHERE id = 1".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let before = warm(&client, PAGE).await.json();
        app.place.sql(&sql);
        let after = eventually("the page has changed", FRESH, async || {
            let page = client.get(PAGE).await.json();
            (page != before).then_some(page)
        })
        .await;
        assert_eq!(after["meta"]["total"], [1, 2, 2, 1][n]);
    }
    app.stop().await;
}

async fn a_profile_is_remembered_until_it_is_written(app: TestApp) {
    let tenant = app.tenant("library").await;
    let ann = app.person(tenant, "ann", "authors:read");
    let path = "/catalog/users/ann/profile";
    ann.get(path).await.assert_refused(404, "not_found");
    let body = json!({"display_name": "Ann", "preferences": {"theme": "dark"}});
    let put = ann.put(path, &body).await.assert_status(200);
    assert_eq!(
        (&put["user_id"], &put["preferences"]["theme"]),
        (&json!("ann"), &json!("dark"))
    );
    assert_eq!(ann.get(path).await.assert_status(200), put);
    warm(&ann, path).await;
    ann.put(path, &json!({"display_name": "Anna"}))
        .await
        .assert_status(200);
    assert_eq!(
        ann.get(path).await.assert_status(200)["display_name"],
        "Anna"
    );
    let bob = app.person(tenant, "bob", "authors:read");
    bob.get(path).await.assert_refused(403, "forbidden");
    bob.put(path, &body).await.assert_refused(403, "forbidden");
    let admin = app.person(tenant, "admin", "profiles:read");
    assert_eq!(
        admin.get(path).await.assert_status(200)["display_name"],
        "Anna"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_writes_the_other_shows() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    let (tenant, here) = app.librarian().await;
    let there = app.person_at(1, tenant, "librarian", EVERYTHING);
    here.post("/catalog/authors", &json!({"name": "A"}))
        .await
        .assert_status(201);
    eventually("the author is there", FRESH, async || {
        (there.get(PAGE).await.json()["meta"]["total"] == 1).then_some(())
    })
    .await;
    for n in 0..20 {
        warm(&there, PAGE).await;
        let written = format!("Author {n}");
        here.put("/catalog/authors/1", &json!({ "name": written }))
            .await
            .assert_status(200);
        eventually("the other node shows it", FRESH, async || {
            let one = there.get("/catalog/authors/1").await.json();
            (name(&there.get(PAGE).await) == written && one["name"] == written).then_some(())
        })
        .await;
    }
    app.stop().await;
}

/// Writers that succeed and writers that are refused, readers beside them, on two nodes: afterwards every total is the true one.
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_true_after_a_crowd_of_writers_on_two_nodes() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    let (tenant, here) = app.librarian().await;
    let there = app.person_at(1, tenant, "librarian", EVERYTHING);
    let nodes = [here, there];
    let writers = (0..24).map(|n| {
        let client = nodes[n % 2].clone();
        async move {
            for round in 0..8 {
                // Half of the names are those of the neighbour: one of the two is refused and undone.
                let body =
                    json!({"name": format!("Author {} {round}", n / 2 * 2 + n % 2 * (round % 2))});
                let made = client.post("/catalog/authors", &body).await;
                assert!([201, 409].contains(&made.status), "{made:?}");
                if made.status == 201 && round % 4 == 0 {
                    let path = format!("/catalog/authors/{}", made.json()["id"]);
                    assert_eq!(client.delete(&path).await.status, 204);
                }
            }
        }
    });
    let readers = (0..24).map(|n| {
        let client = nodes[n % 2].clone();
        async move {
            for _ in 0..8 {
                client
                    .get("/catalog/authors/paginated")
                    .await
                    .assert_status(200);
            }
        }
    });
    futures::join!(
        futures::future::join_all(writers),
        futures::future::join_all(readers)
    );
    let count = app.place.number("SELECT count(*) FROM catalog_authors");
    assert!(count > 50, "{count}");
    for client in &nodes {
        eventually("the total is the true one", FRESH, async || {
            let page = client.get("/catalog/authors/paginated").await.json();
            (page["meta"]["total"] == count).then_some(())
        })
        .await;
        // And it stays so.
        let known = warm(client, "/catalog/authors/paginated").await;
        assert_eq!(known.json()["meta"]["total"], count);
    }
    app.stop().await;
}
