//! Work in the background, which goes through much in pieces.

use brisk::db::Error;
use brisk::prelude::*;

use super::tables as t;

super::cases! { false:
    ids_in_chunks [] |s, t| {
        let ids: Vec<i64> = (20_001..20_060).collect();
        for chunk in ids.chunks(20) {
            s.run(&t::AUTHORS_BY_IDS, (t, chunk.to_vec())).await?;
        }
    }
    claims_until_nothing_is_left [] |s, t| {
        loop {
            let taken = s.run(&t::TAKE_EVENTS, (t, "claimed".to_owned(), Clock::system().now())).await?;
            if taken.len() < 3 {
                break;
            }
        }
    }
    prunes_until_nothing_is_left [] |s, t| {
        for _ in 0..2 {
            s.run(&t::ADD_EVENT, (t, 1, "old".to_owned())).await?;
        }
        while s.run(&t::PRUNE, (t, "old".to_owned())).await? > 0 {}
    }
    each_in_a_transaction_of_its_own [] |s, t| {
        for book in s.run(&t::NEWEST, (t, 4)).await? {
            s.transaction(async |tx: Session| {
                tx.run(&t::PRICE, (t, book.id, 1_555)).await?;
                tx.run(&t::ADD_EVENT, (t, book.id, "priced".to_owned())).await?;
                Ok::<_, Error>(())
            })
            .await?;
        }
    }
    chunk_by_chunk_with_a_batch [] |s, t| {
        let mut after = 0;
        loop {
            let some = s.run(&t::AUTHORS_AFTER, (t, after, 4)).await?;
            let Some(last) = some.last() else { break };
            after = last.id;
            let sets = some.iter().map(|a| (t, a.id, "visited".to_owned()));
            s.run_each(&t::ADD_EVENT, sets).await?;
        }
    }
    waits_for_work [] |s, t| {
        for _ in 0..3 {
            let taken = s.run(&t::TAKE_EVENTS, (t, "none".to_owned(), Clock::system().now())).await?;
            if taken.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        }
    }
}
