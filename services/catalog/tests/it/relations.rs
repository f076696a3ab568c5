//! What is loaded along with a list: a statement for each relation, whatever the number of rows.

use brisk_testkit::services::Client;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{TestApp, ids};

on_both!(
    a_hundred_authors_with_books_and_reviews_cost_three_statements,
    children_of_one_parent_end_at_a_hundred,
    rows_come_with_their_parents,
);

/// Authors with two books each and a review of the first book.
async fn shelf(app: &TestApp, client: &Client, count: usize) -> Vec<i64> {
    let authors: Vec<_> = (0..count)
        .map(|n| json!({"name": format!("Author {n}")}))
        .collect();
    let made = client.post("/catalog/authors/batch", &json!(authors)).await;
    let authors = made.assert_status(201);
    app.place.sql(
        "INSERT INTO catalog_books (tenant_id, author_id, title)
         SELECT tenant_id, id, 'Volume ' || n FROM catalog_authors CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2) AS two",
    );
    app.place.sql(
        "INSERT INTO catalog_reviews (tenant_id, author_id, book_id, reviewer_id, rating)
         SELECT tenant_id, author_id, id, 'reader', 4 FROM catalog_books WHERE title = 'Volume 1'",
    );
    let ids = authors["ids"].as_array().unwrap().iter();
    ids.map(|id| id.as_i64().unwrap()).collect()
}

async fn a_hundred_authors_with_books_and_reviews_cost_three_statements(app: TestApp) {
    let (_, client) = app.librarian().await;
    shelf(&app, &client, 120).await;
    let path = "/catalog/authors/paginated?per_page=100&skip_count=true&eager_load=books,reviews";
    let answer = client.get(path).await;
    let page = answer.assert_status(200);
    assert_eq!(answer.statements(), 3);
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 100);
    for item in items {
        assert_eq!(ids(&item["books"]).len(), 2, "{item}");
        assert_eq!(ids(&item["reviews"]).len(), 1, "{item}");
        assert_eq!(item["books"][0]["author_id"], item["id"]);
        assert!(item.get("books_truncated").is_none(), "{item}");
    }
    let one = client
        .get("/catalog/authors/paginated?per_page=100&skip_count=true&eager_load=books")
        .await;
    assert_eq!(one.statements(), 2);
    assert!(one.json()["items"][0].get("reviews").is_none());
    let none = client
        .get("/catalog/authors/paginated?per_page=99&skip_count=true")
        .await;
    assert_eq!(none.statements(), 1);
    assert!(none.json()["items"][0].get("books").is_none());
    app.stop().await;
}

async fn children_of_one_parent_end_at_a_hundred(app: TestApp) {
    let (_, client) = app.librarian().await;
    let made = client
        .post("/catalog/authors", &json!({"name": "Ann"}))
        .await
        .assert_status(201);
    for n in 1..=101 {
        app.place.sql(&format!(
            "INSERT INTO catalog_books (tenant_id, author_id, title) SELECT tenant_id, id, 'Volume {n}' FROM catalog_authors"
        ));
    }
    let path = format!(
        "/catalog/authors/{}?eager_load=books&eager_load=reviews",
        made["id"]
    );
    let ann = client.get(&path).await.assert_status(200);
    assert_eq!(
        (ids(&ann["books"]).len(), &ann["books_truncated"]),
        (100, &json!(true))
    );
    assert_eq!(
        (&ann["reviews"], ann.get("reviews_truncated")),
        (&json!([]), None)
    );
    app.stop().await;
}

async fn rows_come_with_their_parents(app: TestApp) {
    let (_, client) = app.librarian().await;
    let authors = shelf(&app, &client, 3).await;
    let whole = json!({"author_id": authors[2], "rating": 2, "body": "of the author alone"});
    client
        .post("/catalog/reviews", &whole)
        .await
        .assert_status(201);
    let answer = client
        .get("/catalog/books?eager_load=author,reviews&skip_count=true")
        .await;
    let page = answer.assert_status(200);
    assert_eq!(answer.statements(), 3);
    let book = &page["items"][0];
    assert_eq!(
        (&book["author"]["id"], &book["author"]["name"]),
        (&book["author_id"], &json!("Author 0"))
    );
    let answer = client
        .get("/catalog/reviews?eager_load=author,book&skip_count=true")
        .await;
    let page = answer.assert_status(200);
    assert_eq!(answer.statements(), 3);
    let with_books: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
    for review in &with_books[..3] {
        assert_eq!(review["book"]["id"], review["book_id"], "{review}");
        assert_eq!(review["author"]["id"], review["author_id"], "{review}");
    }
    let last = with_books[3];
    assert_eq!(
        (&last["book_id"], last.get("book"), &last["reviewer_id"]),
        (&json!(null), None, &json!("librarian"))
    );
    app.stop().await;
}
