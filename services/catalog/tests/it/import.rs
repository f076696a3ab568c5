//! The commands: rows from files, and made-up ones.

use std::io::Write as _;

use brisk::clap::Command;
use brisk::prelude::*;
use serde_json::json;

use crate::on_both;
use crate::world::{EVERYTHING, TestApp, app as program, ids};

on_both!(
    books_come_with_their_authors_and_only_once,
    a_seed_adds_what_is_missing,
);

/// Runs `brisk catalog …` beside the server.
async fn run(app: &TestApp, words: &[&str]) -> Result<(), brisk::Error> {
    let command: Command = brisk_catalog::service().command().unwrap();
    let matches = command
        .try_get_matches_from([&["catalog"], words].concat())
        .unwrap();
    let opened = program(&app.place.url(), &[])
        .check()
        .unwrap()
        .open()
        .await
        .unwrap();
    opened.run_command("catalog", &matches).await.map(|_| ())
}

const BOOKS: &str = "\
book_id,isbn,authors,original_publication_year,title,language_code
1,439023483,Suzanne Collins,2008.0,\"The Hunger Games (The Hunger Games, #1)\",eng
2,439554934,\"J.K. Rowling, Mary GrandPré\",1997.0,Harry Potter and the Sorcerer's Stone,eng
3,,J.K. Rowling,,The Tales of Beedle the Bard,eng
4,,Homer,-720.0,The Odyssey,eng
5,439554934,J.K. Rowling,1997.0,The Same Number,eng
6,,Homer,-720.0,The Odyssey,eng
7,,,2000.0,Nobody's Book,eng
";

const RATINGS: &str = "user_id,book_id,rating\n11,1,5\n12,1,4\n11,4,3\n12,99,5\n13,1,9\n";

fn zipped(text: &str) -> Vec<u8> {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(text.as_bytes()).unwrap();
    zipped.finish().unwrap()
}

async fn books_come_with_their_authors_and_only_once(app: TestApp) {
    let (_, client) = app.librarian().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("goodbooks_books.csv.gz"), zipped(BOOKS)).unwrap();
    std::fs::write(folder.path().join("ratings.csv"), RATINGS).unwrap();
    let path = folder.path().to_str().unwrap();
    run(&app, &["import", path, "--tenant", "library"])
        .await
        .unwrap();
    let counts = || {
        let n = |table: &str| {
            app.place
                .number(&format!("SELECT count(*) FROM catalog_{table}"))
        };
        (n("authors"), n("books"), n("reviews"))
    };
    assert_eq!(counts(), (3, 4, 3));
    let page = client
        .get("/catalog/authors/paginated?eager_load=books,reviews&sort=name")
        .await;
    let page = page.assert_status(200);
    let rowling = &page["items"][1];
    assert_eq!(rowling["name"], "J.K. Rowling");
    assert_eq!(ids(&rowling["books"]).len(), 2);
    assert_eq!(rowling["books"][0]["published_on"], "1997-01-01");
    assert_eq!(rowling["books"][1]["isbn"], json!(null));
    let collins = &page["items"][2];
    assert_eq!(
        (
            &collins["reviews"][0]["reviewer_id"],
            &collins["reviews"][0]["rating"]
        ),
        (&json!("11"), &json!(5))
    );
    run(&app, &["import", path, "--tenant", "library", "--json"])
        .await
        .unwrap();
    assert_eq!(counts(), (3, 4, 3));
    assert!(
        run(&app, &["import", path, "--tenant", "nowhere"])
            .await
            .is_err()
    );
    assert!(
        run(&app, &["import", "/nowhere.csv", "--tenant", "library"])
            .await
            .is_err()
    );
    app.stop().await;
}

async fn a_seed_adds_what_is_missing(app: TestApp) {
    let tenant = app.tenant("library").await;
    let client = app.person(tenant, "librarian", EVERYTHING);
    let seed = [
        "seed",
        "--tenant",
        "library",
        "--books-per-author",
        "2",
        "--reviews-per-author",
        "1",
        "--authors",
    ];
    run(&app, &[&seed[..], &["1200"]].concat()).await.unwrap();
    run(&app, &[&seed[..], &["1210"]].concat()).await.unwrap();
    let total = async |path: &str| {
        let page = client
            .get(&format!("/catalog/{path}"))
            .await
            .assert_status(200);
        page["meta"]["total"].as_u64().unwrap()
    };
    assert_eq!(total("authors/paginated").await, 1_210);
    assert_eq!(total("books").await, 2_420);
    assert_eq!(total("reviews").await, 1_210);
    // The last page by number and by cursor are the same rows.
    let by_number = client
        .get("/catalog/authors/paginated?page=121&per_page=10")
        .await
        .json();
    let cursor = client
        .get("/catalog/authors/paginated?page=120&per_page=10")
        .await
        .json();
    let cursor = cursor["meta"]["next_cursor"].as_str().unwrap().to_owned();
    let by_cursor = client
        .get(&format!(
            "/catalog/authors/paginated?cursor={cursor}&per_page=10"
        ))
        .await
        .json();
    assert_eq!(by_number["items"], by_cursor["items"]);
    app.stop().await;
}
