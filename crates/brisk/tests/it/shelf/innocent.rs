//! Handlers that look suspicious and are right.

use std::time::Duration;

use brisk::db::{Error, each, together};
use brisk::prelude::*;
use futures::future::try_join_all;
use jiff::Timestamp;

use super::tables::{self as t, Author};

super::cases! { false:
    check_then_read [] |s, t| {
        let Some(author) = s.run(&t::AUTHOR_GET, (t, 20_003)).await? else {
            return Ok(());
        };
        s.run(&t::BOOKS_OF, (t, author.id)).await?;
    }
    three_conditions [] |s, t| {
        if !s.run(&t::IS_OPEN, (t,)).await? {
            return Ok(());
        }
        if s.run(&t::COUNT_EVENTS, (t,)).await? > 1_000_000 {
            return Ok(());
        }
        s.run(&t::CITIES, (t,)).await?;
    }
    limit_from_the_settings [] |s, t| {
        let rules = s.run(&t::SETTINGS, (t,)).await?;
        s.run(&t::AUTHORS_FROM, (t, rules.page, 0)).await?;
    }
    each_step_needs_the_one_before [] |s, t| {
        let book = s.run(&t::BOOK_GET, (t, 24_011)).await?;
        let author = book.map_or(0, |b| b.author_id);
        let author = s.run(&t::AUTHOR_GET, (t, author)).await?;
        let city = author.and_then(|a| a.city_id).unwrap_or(0);
        s.run(&t::AUTHORS_OF_CITY, (t, city)).await?;
    }
    newest_then_its_events [] |s, t| {
        let newest = s.run(&t::NEWEST, (t, 1)).await?;
        let Some(book) = newest.first() else { return Ok(()) };
        let events = s.run(&t::EVENTS_OF, (t, book.id)).await?;
        assert!(events.iter().all(|e| e.id > 0));
        s.run(&t::AUTHOR_GET, (t, book.author_id)).await?;
    }
    near_a_city [] |s, t| {
        let city = s.run(&t::CITY, (t, 21_003)).await?;
        let lat = city.map_or(0.0, |c| c.lat);
        let near = s.run(&t::CITIES_NEAR, (t, lat - 1.1, lat + 1.1)).await?;
        s.run(&t::AUTHORS_OF_CITY, (t, near[0].id)).await?;
    }
    dashboard_together [] |s, t| {
        together((
            s.run(&t::AUTHORS, (t,)),
            s.run(&t::COUNT_BOOKS, (t,)),
            s.run(&t::CITIES, (t,)),
            s.run(&t::NEWEST, (t, 10)),
        ))
        .await
        .all()?;
    }
    author_then_all_together [] |s, t| {
        let Some(author) = s.run(&t::AUTHOR_GET, (t, 20_002)).await? else {
            return Ok(());
        };
        together((
            s.run(&t::BOOKS_OF, (t, author.id)),
            s.run(&t::PUPILS, (t, author.id)),
            s.run(&t::COUNT_BOOKS_OF, (t, author.id)),
        ))
        .await
        .all()?;
    }
    loads_for_each [] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = each(authors, async |a: Author| {
            let books = s.load(&t::LOAD_BOOKS, a.id).await?;
            let city = s.load(&t::LOAD_CITY, a.city_id.unwrap_or(0)).await?;
            Ok::<_, Error>((a.name, books.len(), city.map(|c| c.name)))
        });
        pages.await?;
    }
    relations_that_are_shown [] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = s
            .with(authors)
            .relation(&t::LOAD_BOOKS, |a| a.id)
            .relation(&t::LOAD_CITY, |a| a.city_id)
            .load()
            .await?;
        assert!(pages.iter().map(|(_, books, _)| books.len()).sum::<usize>() == 40);
    }
    relation_lost_in_a_failure [] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = s.with(authors).relation(&t::LOAD_BOOKS, |a| a.id).load().await?;
        // Somebody else was faster, so the answer is a conflict and the books are not shown.
        if s.run(&t::RENAME, (t, 24_001, 77, "No".to_owned())).await? == 0 {
            return Err(Error::Stale { statement: "shelf.rename", expected: 1, affected: 0 });
        }
        assert!(pages.iter().all(|(_, books)| books.len() < 50));
    }
    relation_kept_for_the_next_request [] |s, t| {
        static CACHE: std::sync::Mutex<Vec<brisk::db::Many<t::Book>>> = std::sync::Mutex::new(Vec::new());
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let keys = authors.iter().map(|a| a.id).collect();
        let books = s.load_many(&t::LOAD_BOOKS, keys).await?;
        CACHE.lock().unwrap().extend(books);
    }
    cursor_through_a_table [] |s, t| {
        let mut after = 0;
        loop {
            let some = s.run(&t::AUTHORS_AFTER, (t, after, 5)).await?;
            let Some(last) = some.last() else { break };
            after = last.id;
        }
    }
    pages_by_offset [] |s, t| {
        let mut skip = 0;
        loop {
            let some = s.run(&t::AUTHORS_FROM, (t, 5, skip)).await?;
            if some.len() < 5 {
                break;
            }
            skip += 5;
        }
    }
    up_the_teachers [] |s, t| {
        let mut next = Some(20_012);
        while let Some(id) = next {
            next = s.run(&t::AUTHOR_GET, (t, id)).await?.and_then(|a| a.teacher_id);
        }
    }
    up_the_teachers_by_loads [] |s, _t| {
        let mut next = Some(20_011);
        while let Some(id) = next {
            next = s.load(&t::LOAD_AUTHOR, id).await?.and_then(|a| a.teacher_id);
        }
    }
    poll_until_it_changes [] |s, t| {
        for round in 0..4 {
            if s.run(&t::COUNT_EVENTS, (t,)).await? == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10 + round)).await;
        }
    }
    again_after_a_lost_race [] |s, t| {
        for _ in 0..3 {
            let Some(book) = s.run(&t::BOOK_GET, (t, 24_005)).await? else { break };
            // The first two times somebody was faster.
            let version = book.version - 1;
            if s.run(&t::RENAME, (t, book.id, version, book.title.clone())).await? == 1 {
                break;
            }
        }
    }
    read_write_read [] |s, t| {
        let before = s.run(&t::COUNT_EVENTS, (t,)).await?;
        s.run(&t::ADD_EVENT, (t, 24_001, "bought".to_owned())).await?;
        let after = s.run(&t::COUNT_EVENTS, (t,)).await?;
        assert!(after > before);
    }
    looked_at_before_and_inside [] |s, t| {
        let seen = s.run(&t::BOOK_GET, (t, 24_006)).await?;
        s.transaction(async |tx: Session| {
            let book = tx.run(&t::BOOK_GET, (t, 24_006)).await?;
            tx.run(&t::PRICE, (t, 24_006, 1_700)).await?;
            Ok::<_, Error>(book)
        })
        .await?;
        assert!(seen.is_some());
    }
    reads_in_a_transaction [] |s, t| {
        s.transaction(async |tx: Session| {
            tx.run(&t::AUTHORS, (t,)).await?;
            tx.run(&t::CITIES, (t,)).await?;
            tx.run(&t::COUNT_BOOKS, (t,)).await?;
            tx.run(&t::PRICE, (t, 24_007, 1_800)).await
        })
        .await?;
    }
    all_in_one_batch [] |s, t| {
        let books = s.run(&t::NEWEST, (t, 6)).await?;
        let sets = books.iter().map(|b| (t, b.id, "seen".to_owned()));
        s.run_each(&t::ADD_EVENT, sets).await?;
    }
    side_by_side [] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let counts = authors.iter().map(|a| s.run(&t::COUNT_BOOKS_OF, (t, a.id)));
        try_join_all(counts).await?;
    }
    read_once_and_kept [] |s, t| {
        let cell = tokio::sync::OnceCell::new();
        for _ in 0..5 {
            cell.get_or_try_init(|| s.run(&t::SETTINGS, (t,))).await?;
        }
    }
    two_reads_of_which_one_may_decide [] |s, t| {
        let books = s.run(&t::COUNT_BOOKS, (t,)).await?;
        if books > 0 {
            s.run(&t::NEWEST, (t, 10)).await?;
        }
    }
    meant_to_be_one_by_one [] |s, t| {
        let s = s.expecting(FindingKind::NPlusOne, "each author has a turn of its own");
        for author in s.run(&t::AUTHORS, (t,)).await? {
            s.run(&t::COUNT_BOOKS_OF, (t, author.id)).await?;
        }
    }
    writes_between_reads [] |s, t| {
        s.run(&t::AUTHORS, (t,)).await?;
        s.run(&t::ADD_EVENT, (t, 24_002, "lent".to_owned())).await?;
        s.run(&t::CITIES, (t,)).await?;
        s.run(&t::PRICE, (t, 24_002, 1_501)).await?;
        s.run(&t::COUNT_BOOKS, (t,)).await?;
    }
    one_look_for_all [] |s, t| {
        let books = s.run(&t::NEWEST, (t, 20)).await?;
        let ids = books.iter().map(|b| b.author_id).collect();
        let authors = s.run(&t::AUTHORS_BY_IDS, (t, ids)).await?;
        let cities = authors.iter().filter_map(|a| a.city_id).collect();
        s.load_many(&t::LOAD_CITY, cities).await?;
    }
    newest_pages_by_cursor [] |s, t| {
        let mut at = (Timestamp::MAX, i64::MAX);
        for _ in 0..4 {
            let books = s.run(&t::BEFORE, (t, at.0, at.1, 6)).await?;
            let Some(last) = books.last() else { break };
            at = (last.at, last.id);
        }
    }
}
