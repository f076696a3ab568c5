//! Cases that were labelled before the rules were run on them, and that the rules were not made by.

use brisk::db::{Error, Many, each, together};
use brisk::prelude::*;
use jiff::Timestamp;

use super::tables::{self as t, Author, Book};

struct Shop<'a>(&'a Session);

impl Shop<'_> {
    async fn events(&self, book: &Book) -> Result<usize, Error> {
        let params = (self.0.tenant(), book.id);
        Ok(self.0.run(&t::EVENTS_OF, params).await?.len())
    }

    async fn card(&self, author: &Author) -> Result<usize, Error> {
        let books = self
            .0
            .run(&t::BOOKS_OF, (self.0.tenant(), author.id))
            .await?;
        let mut events = 0;
        for book in &books {
            events += self.events(book).await?;
        }
        Ok(events)
    }

    async fn rules(&self) -> Result<t::Rules, Error> {
        self.0.run(&t::SETTINGS, (self.0.tenant(),)).await
    }
}

super::cases! { true:
    by_names [NPlusOne "author_named"] |s, t| {
        for n in [3, 7, 1, 9] {
            s.run(&t::AUTHOR_NAMED, (t, format!("Author {n}"))).await?;
        }
    }
    two_levels [NPlusOne "books_of", NPlusOne "events_of"] |s, t| {
        let shop = Shop(&s);
        for author in s.run(&t::AUTHORS_FROM, (t, 3, 0)).await? {
            shop.card(&author).await?;
        }
    }
    three_interleaved_with_conditions [NPlusOne "city", NPlusOne "author_get"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            if let Some(teacher) = author.teacher_id.filter(|id| id % 2 == 0) {
                s.run(&t::AUTHOR_GET, (t, teacher + author.id % 3)).await?;
            }
            s.run(&t::CITY, (t, author.city_id.unwrap_or(0))).await?;
        }
    }
    single_loads_of_relations [NPlusOne "load_books"] |s, t| {
        let mut books = 0;
        for author in s.run(&t::AUTHORS, (t,)).await? {
            books += s.load(&t::LOAD_BOOKS, author.id).await?.len();
        }
        assert!(books == 40);
    }
    read_and_write_one_by_one [NPlusOne "book_get", NPlusOne "price"] |s, t| {
        s.transaction(async |tx: Session| {
            for id in [24_003, 24_009, 24_017] {
                if tx.run(&t::BOOK_GET, (t, id)).await?.is_some() {
                    tx.run(&t::PRICE, (t, id, 1_600)).await?;
                }
            }
            Ok::<_, Error>(())
        })
        .await?;
    }
    lists_of_two_tenants [NPlusOne "authors"] |s, t| {
        for tenant in [t, TenantId(t.get() + 1)] {
            s.for_tenant(tenant).run(&t::AUTHORS, (tenant,)).await?;
        }
    }
    through_a_closure [NPlusOne "has_author"] |s, t| {
        let known = |id: i64| s.run(&t::HAS_AUTHOR, (t, id));
        let mut there = 0;
        for id in 20_001..20_006 {
            there += i64::from(known(id).await?);
        }
        assert!(there == 5);
    }
    months_one_by_one [NPlusOne "since"] |s, t| {
        for month in 0..4 {
            let at = Timestamp::from_second(1_735_689_600 + month * 2_592_000).unwrap();
            s.run(&t::SINCE, (t, at)).await?;
        }
    }
    in_two_branches [NPlusOne "count_books_of"] |s, t| {
        let count = async |ids: [i64; 3]| {
            for id in ids {
                s.run(&t::COUNT_BOOKS_OF, (t, id)).await?;
            }
            Ok::<_, Error>(())
        };
        together((count([20_001, 20_002, 20_003]), count([20_004, 20_005, 20_006])))
            .await
            .all()?;
    }
    level_by_level_is_not_this [NPlusOne "pupils"] |s, t| {
        for author in s.run(&t::AUTHORS_FROM, (t, 6, 0)).await? {
            s.run(&t::PUPILS, (t, author.id)).await?;
        }
    }
    inserts_with_a_check [NPlusOne "has_author", NPlusOne "add_event"] |s, t| {
        for id in [20_002, 20_005, 20_008] {
            if s.run(&t::HAS_AUTHOR, (t, id)).await? {
                s.run(&t::ADD_EVENT, (t, id, "checked".to_owned())).await?;
            }
        }
    }
    rules_asked_by_two [RepeatedRead "settings"] |s, t| {
        let shop = Shop(&s);
        let page = shop.rules().await?.page;
        s.run(&t::NEWEST, (t, page)).await?;
        assert!(shop.rules().await?.is_open);
    }
    the_same_load_twice [RepeatedRead "load_books"] |s, _t| {
        let first: Many<Book> = s.load(&t::LOAD_BOOKS, 20_003).await?;
        let second = s.load(&t::LOAD_BOOKS, 20_003).await?;
        assert!(first.len() == second.len());
    }
    everything_one_by_one [SerialReads "cities"] |s, t| {
        s.run(&t::CITIES, (t,)).await?;
        s.run(&t::AUTHORS, (t,)).await?;
        s.run(&t::COUNT_EVENTS, (t,)).await?;
        s.run(&t::NEWEST, (t, 25)).await?;
        s.run(&t::COUNT_CITIES, (t,)).await?;
        s.run(&t::DEARER, (t, 900)).await?;
    }
    detail_with_three_lists [SerialReads "book_get"] |s, t| {
        if s.run(&t::BOOK_GET, (t, 24_004)).await?.is_none() {
            return Ok(());
        }
        s.run(&t::EVENTS_OF, (t, 24_004)).await?;
        s.run(&t::EVENTS_NAMED, (t, "lent".to_owned(), 50)).await?;
        s.run(&t::CITIES, (t,)).await?;
    }
    lists_in_a_job [SerialReads "authors"] |s, t| {
        s.run(&t::AUTHORS, (t,)).await?;
        s.run(&t::CITIES, (t,)).await?;
        s.run(&t::SINCE, (t, Timestamp::UNIX_EPOCH)).await?;
    }
    only_the_names [UnusedLoad "load_events"] |s, t| {
        let books = s.run(&t::NEWEST, (t, 8)).await?;
        let pages = s.with(books).relation(&t::LOAD_EVENTS, |b| b.id).load().await?;
        let titles: Vec<String> = pages.iter().map(|(b, _)| b.title.clone()).collect();
        assert!(titles.len() == 8);
    }
    only_the_first_page [UnusedLoad "load_books"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let some: Vec<Author> = authors.into_iter().filter(|a| a.teacher_id.is_some()).collect();
        let pages = s.with(some).relation(&t::LOAD_BOOKS, |a| a.id).load().await?;
        assert!(!pages.is_empty());
    }
    keyset_downwards [] |s, t| {
        let mut at = (Timestamp::MAX, i64::MAX);
        loop {
            let books = s.run(&t::BEFORE, (t, at.0, at.1, 15)).await?;
            if books.len() < 15 {
                break;
            }
            let last = &books[14];
            at = (last.at, last.id);
        }
    }
    slug_then_alias_then_id [] |s, t| {
        if s.run(&t::AUTHOR_NAMED, (t, "nobody".to_owned())).await?.is_some() {
            return Ok(());
        }
        if s.run(&t::AUTHOR_GET, (t, 20_002)).await?.is_some() {
            s.run(&t::CITY, (t, 21_002)).await?;
        }
    }
    nested_loads [] |s, t| {
        let books = s.run(&t::NEWEST, (t, 10)).await?;
        let done = each(books, async |b: Book| {
            let author = s.load(&t::LOAD_AUTHOR, b.author_id).await?;
            let city = author.and_then(|a| a.city_id).unwrap_or(0);
            s.load(&t::LOAD_CITY, city).await
        });
        done.await?;
    }
    many_keys_in_chunks [] |s, _t| {
        let ids: Vec<i64> = (20_001..20_090).collect();
        for chunk in ids.chunks(30) {
            let books = s.load_many(&t::LOAD_BOOKS, chunk.to_vec()).await?;
            assert!(books.iter().all(|b| !b.is_cut()));
        }
    }
    words_from_the_settings [] |s, t| {
        let rules = s.run(&t::SETTINGS, (t,)).await?;
        let books = s.run(&t::TITLED, (t, rules.start.clone())).await?;
        let author = books.first().map_or(20_001, |b| b.author_id);
        s.run(&t::AUTHOR_GET, (t, author)).await?;
    }
    optimistic_with_fresh_values [] |s, t| {
        for _ in 0..2 {
            let Some(book) = s.run(&t::BOOK_GET, (t, 24_020)).await? else { break };
            let title = format!("{} ({})", book.title, book.version);
            if s.run(&t::RENAME, (t, book.id, book.version + 5, title)).await? > 0 {
                break;
            }
        }
    }
    counted_then_paged [] |s, t| {
        if s.run(&t::COUNT_AUTHORS, (t,)).await? > 10 {
            s.run(&t::AUTHORS_FROM, (t, 10, 0)).await?;
        } else {
            s.run(&t::AUTHORS, (t,)).await?;
        }
    }
    up_and_then_around [] |s, t| {
        let author = s.run(&t::AUTHOR_GET, (t, 20_009)).await?;
        let teacher = author.and_then(|a| a.teacher_id).unwrap_or(0);
        let pupils = s.run(&t::PUPILS, (t, teacher)).await?;
        let ids = pupils.iter().map(|a| a.id).collect();
        s.run(&t::AUTHORS_BY_IDS, (t, ids)).await?;
    }
    reads_while_it_writes [] |s, t| {
        let books = s.run(&t::NEWEST, (t, 3)).await?;
        let sets = books.iter().map(|b| (t, b.id, "read".to_owned()));
        s.run_each(&t::ADD_EVENT, sets).await?;
        s.run(&t::COUNT_EVENTS, (t,)).await?;
        s.run(&t::AUTHORS, (t,)).await?;
    }
    city_of_the_dearest [] |s, t| {
        let dear = s.run(&t::DEARER, (t, 1_530)).await?;
        let author = dear.last().map_or(0, |b| b.author_id);
        let Some(author) = s.run(&t::AUTHOR_GET, (t, author)).await? else { return Ok(()) };
        s.run(&t::CITIES_NEAR, (t, 40.0, 43.0)).await?;
        assert!(!author.name.is_empty());
    }
    one_by_one_on_purpose [] |s, t| {
        let one = s.expecting(FindingKind::SerialReads, "a slow night report that must not crowd the lanes");
        one.run(&t::AUTHORS, (t,)).await?;
        one.run(&t::CITIES, (t,)).await?;
        one.run(&t::SINCE, (t, Timestamp::UNIX_EPOCH)).await?;
    }
    kept_until_it_is_told [] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = s.with(authors).relation(&t::LOAD_BOOKS, |a| a.id).load().await?;
        let books: Vec<Book> = pages.into_iter().flat_map(|(_, books)| books.into_vec()).collect();
        assert!(books.len() == 40);
    }
}
