//! The contract of pages: numbers, cursors, totals, sorts and filters.

use brisk_testkit::services::{Client, FRESH, eventually};
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{TestApp, ids};

on_both!(
    pages_by_number_say_what_they_are_a_part_of,
    pages_by_cursor_walk_forward_and_back,
    a_cursor_is_good_for_its_own_list_only,
    older_cursors_are_ids_in_base64,
    every_sort_shows_every_row_once,
    filters_narrow_page_and_total_alike,
    totals_follow_every_write,
);

const PAGE: &str = "/catalog/authors/paginated";

/// `count` authors; every third is inactive, every fifth has an address.
async fn authors(client: &Client, count: usize) {
    let authors: Vec<_> = (1..=count)
        .map(|n| {
            json!({
                "name": format!("Author {n:03}"),
                "status": if n % 3 == 0 { "inactive" } else { "active" },
                "email": (n % 5 == 0).then(|| format!("a{n}@example.org")),
            })
        })
        .collect();
    let made = client.post("/catalog/authors/batch", &json!(authors)).await;
    made.assert_status(201);
}

async fn get(client: &Client, query: &str) -> Value {
    let answer = client.get(&format!("{PAGE}?{query}")).await;
    answer.assert_status(200)
}

async fn pages_by_number_say_what_they_are_a_part_of(app: TestApp) {
    let (_, client) = app.librarian().await;
    let nothing = get(&client, "").await;
    let meta = json!({
        "page": 1, "per_page": 20, "total": 0, "pages": 0, "has_more": false, "next_cursor": null, "prev_cursor": null,
        "count_source": "exact",
    });
    assert_eq!(nothing, json!({"items": [], "meta": meta}));
    authors(&client, 45).await;
    let second = get(&client, "page=2").await;
    let meta = &second["meta"];
    assert_eq!(ids(&second["items"]), (21..=40).collect::<Vec<_>>());
    assert_eq!(
        (&meta["page"], &meta["total"], &meta["pages"]),
        (&json!(2), &json!(45), &json!(3))
    );
    assert_eq!(
        (&meta["has_more"], &meta["prev_cursor"]),
        (&json!(true), &json!(null))
    );
    let cursor = meta["next_cursor"].as_str().unwrap();
    let third = get(&client, &format!("cursor={cursor}&page=9")).await;
    assert_eq!(ids(&third["items"]), (41..=45).collect::<Vec<_>>());
    let last = get(&client, "page=3").await;
    assert_eq!(
        (&last["meta"]["has_more"], &last["meta"]["next_cursor"]),
        (&json!(false), &json!(null))
    );
    // 45 rows in nines: the last page is full, and there is none after it.
    let full = get(&client, "page=5&per_page=9").await;
    assert_eq!(
        (ids(&full["items"]).len(), &full["meta"]["has_more"]),
        (9, &json!(false))
    );
    let far = get(&client, "page=4000000000").await;
    assert_eq!(
        (&far["items"], &far["meta"]["page"]),
        (&json!([]), &json!(4_000_000_000_u64))
    );
    assert_eq!(
        (&far["meta"]["has_more"], &far["meta"]["total"]),
        (&json!(false), &json!(45))
    );
    let most = get(&client, "per_page=5000").await;
    assert_eq!(most["meta"]["per_page"], 1_000);
    let skipped = get(&client, "page=2&skip_count=true").await;
    let meta = &skipped["meta"];
    assert_eq!(
        (&meta["page"], &meta["total"], &meta["pages"]),
        (&json!(2), &json!(0), &json!(0))
    );
    assert_eq!(
        (&meta["has_more"], &meta["count_source"]),
        (&json!(true), &json!("skipped"))
    );
    app.stop().await;
}

async fn pages_by_cursor_walk_forward_and_back(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 25).await;
    let first = get(&client, "cursor=&per_page=10").await;
    let meta = &first["meta"];
    assert_eq!(
        (&meta["page"], &meta["total"], &meta["pages"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(
        (&meta["prev_cursor"], &meta["count_source"]),
        (&json!(null), &json!("skipped"))
    );
    let mut seen = ids(&first["items"]);
    let mut page = first.clone();
    while let Some(cursor) = page["meta"]["next_cursor"].as_str() {
        page = get(&client, &format!("cursor={cursor}&per_page=10")).await;
        seen.extend(ids(&page["items"]));
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    assert_eq!(page["meta"]["has_more"], false);
    let cursor = page["meta"]["prev_cursor"].as_str().unwrap();
    let back = get(&client, &format!("cursor={cursor}&per_page=10")).await;
    assert_eq!(ids(&back["items"]), (11..=20).collect::<Vec<_>>());
    let cursor = back["meta"]["prev_cursor"].as_str().unwrap();
    let start = get(&client, &format!("cursor={cursor}&per_page=10")).await;
    assert_eq!(
        (&start["items"], &start["meta"]["prev_cursor"]),
        (&first["items"], &json!(null))
    );
    app.stop().await;
}

async fn a_cursor_is_good_for_its_own_list_only(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 5).await;
    let page = get(&client, "cursor=&per_page=2&status=active").await;
    let cursor = page["meta"]["next_cursor"].as_str().unwrap().to_owned();
    get(
        &client,
        &format!("cursor={cursor}&status=active&per_page=1"),
    )
    .await;
    let other = app.tenant("other").await;
    let stranger = app.person(other, "stranger", "authors:read");
    let forged = format!("{}A", &cursor[..cursor.len() - 1]);
    let refused = [
        client.get(&format!("{PAGE}?cursor={cursor}")).await,
        client
            .get(&format!("{PAGE}?cursor={cursor}&status=inactive"))
            .await,
        client
            .get(&format!("{PAGE}?cursor={cursor}&status=active&sort=-id"))
            .await,
        client.get(&format!("/catalog/books?cursor={cursor}")).await,
        client
            .get(&format!("{PAGE}?cursor={forged}x&status=active"))
            .await,
        client.get(&format!("{PAGE}?cursor=%21%21")).await,
        client.get(&format!("{PAGE}?cursor=%00")).await,
        stranger
            .get(&format!("{PAGE}?cursor={cursor}&status=active"))
            .await,
    ];
    for answer in refused {
        let problem = answer.assert_refused(400, "invalid_cursor");
        assert_eq!(problem["error"]["code"], "invalid_cursor");
        assert!(
            problem["error"]["details"]["reason"].is_string(),
            "{problem}"
        );
    }
    app.stop().await;
}

async fn older_cursors_are_ids_in_base64(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 30).await;
    let page = get(&client, "cursor=MjA%3D").await;
    assert_eq!(ids(&page["items"]), (21..=30).collect::<Vec<_>>());
    let page = get(&client, "cursor=&cursor_format=simple&per_page=20").await;
    assert_eq!(page["meta"]["next_cursor"], "MjA=");
    let sorted = client.get(&format!("{PAGE}?cursor=MjA%3D&sort=-id")).await;
    sorted.assert_refused(400, "invalid_cursor");
    app.stop().await;
}

async fn every_sort_shows_every_row_once(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 12).await;
    for sort in [
        "id",
        "-id",
        "name",
        "-name",
        "status",
        "-status",
        "created_at",
        "-updated_at",
        "status,-name",
        "-status,id",
    ] {
        let mut seen = Vec::new();
        let mut page = get(&client, &format!("sort={sort}&per_page=5&cursor=")).await;
        loop {
            seen.extend(ids(&page["items"]));
            let Some(cursor) = page["meta"]["next_cursor"].as_str() else {
                break;
            };
            page = get(&client, &format!("sort={sort}&per_page=5&cursor={cursor}")).await;
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=12).collect::<Vec<_>>(), "{sort}");
        match sort {
            "-id" | "-name" => assert_eq!(seen, (1..=12).rev().collect::<Vec<_>>(), "{sort}"),
            "status,-name" => assert_eq!(seen[..3], [11, 10, 8]),
            "-status,id" => assert_eq!(seen[..5], [3, 6, 9, 12, 1]),
            _ => {}
        }
    }
    app.stop().await;
}

async fn filters_narrow_page_and_total_alike(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 30).await;
    let odd = json!({"name": "50%_off\\ Šárka"});
    client
        .post("/catalog/authors", &odd)
        .await
        .assert_status(201);
    for (query, expected) in [
        ("id=7", vec![7]),
        ("id__in=3,1,2", vec![1, 2, 3]),
        ("id__gte=29&id__lte=30", vec![29, 30]),
        ("name=THOR%2003", vec![30]),
        ("name__eq=Author%20004", vec![4]),
        ("name__eq=author%20004", vec![]),
        ("name__prefix=author%2002&status=inactive", vec![21, 24, 27]),
        ("name=%25", vec![31]),
        ("name=_", vec![31]),
        ("name=%5C", vec![31]),
        ("name=%C5%A0%C3%A1r", vec![31]),
        ("status__in=inactive,archived&id__lte=6", vec![3, 6]),
        ("email=a10%40example.org", vec![10]),
        ("name=&email=&id=5", vec![5]),
    ] {
        let page = get(&client, query).await;
        assert_eq!(ids(&page["items"]), expected, "{query}");
        assert_eq!(page["meta"]["total"], expected.len(), "{query}");
    }
    app.stop().await;
}

async fn totals_follow_every_write(app: TestApp) {
    let (_, client) = app.librarian().await;
    authors(&client, 9).await;
    let total = async |query: &str| {
        let page = get(&client, query).await;
        page["meta"]["total"].as_u64().unwrap()
    };
    assert_eq!(
        (total("status=active").await, total("status=inactive").await),
        (6, 3)
    );
    let body = json!({"status": "inactive"});
    client
        .patch("/catalog/authors/1/status", &body)
        .await
        .assert_status(200);
    assert_eq!(
        (total("status=active").await, total("status=inactive").await),
        (5, 4)
    );
    client
        .put("/catalog/authors/2", &json!({"name": "Renamed"}))
        .await
        .assert_status(200);
    assert_eq!(
        (total("name=renamed").await, total("name=author").await),
        (1, 8)
    );
    client.delete("/catalog/authors/3").await;
    assert_eq!(total("").await, 8);
    // A total is remembered, whatever page of the list it is asked for with.
    let other_page = eventually("the total is known", FRESH, async || {
        let page = get(&client, "per_page=3").await;
        let next = get(&client, "per_page=3&page=2").await;
        assert_eq!(page["meta"]["total"], next["meta"]["total"]);
        (next["meta"]["count_source"] == "cached").then_some(next)
    });
    assert_eq!(other_page.await["meta"]["total"], 8);
    app.stop().await;
}
