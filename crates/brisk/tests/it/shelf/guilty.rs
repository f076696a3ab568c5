//! Handlers as they are written in a hurry.

use brisk::db::{Error, each, together};
use brisk::prelude::*;
use jiff::Timestamp;

use super::tables::{self as t, Author};

async fn city_name(session: &Session, author: &Author) -> Result<Option<String>, Error> {
    let Some(id) = author.city_id else {
        return Ok(None);
    };
    let city = session.run(&t::CITY, (session.tenant(), id)).await?;
    Ok(city.map(|c| c.name))
}

async fn line(session: &Session, author: &Author) -> Result<String, Error> {
    let city = city_name(session, author).await?;
    Ok(format!("{} of {}", author.name, city.unwrap_or_default()))
}

async fn page_size(session: &Session) -> Result<i64, Error> {
    let rules = session.run(&t::SETTINGS, (session.tenant(),)).await?;
    Ok(rules.page)
}

async fn is_open(session: &Session) -> Result<bool, Error> {
    let rules = session.run(&t::SETTINGS, (session.tenant(),)).await?;
    Ok(rules.is_open)
}

async fn books_of_some(session: &Session, authors: &[Author]) -> Result<usize, Error> {
    let mut books = 0;
    for author in authors {
        let params = (session.tenant(), author.id);
        books += session.run(&t::BOOKS_OF, params).await?.len();
    }
    Ok(books)
}

fn day(n: i64) -> Timestamp {
    Timestamp::from_second(1_735_689_600 + n * 86_400).unwrap()
}

super::cases! { false:
    loop_get [NPlusOne "city"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            if let Some(city) = author.city_id {
                s.run(&t::CITY, (t, city)).await?;
            }
        }
    }
    through_helpers [NPlusOne "city"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            line(&s, &author).await?;
        }
    }
    interleaved [NPlusOne "books_of", NPlusOne "city"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            s.run(&t::BOOKS_OF, (t, author.id)).await?;
            s.run(&t::CITY, (t, author.city_id.unwrap_or(0))).await?;
        }
    }
    loop_of_single_loads [NPlusOne "load_city"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            s.load(&t::LOAD_CITY, author.city_id.unwrap_or(0)).await?;
        }
    }
    loop_of_load_many [NPlusOne "load_books"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            let books = s.load_many(&t::LOAD_BOOKS, vec![author.id]).await?;
            assert!(books.iter().all(|b| b.len() < 50));
        }
    }
    loop_of_inserts [NPlusOne "add_event"] |s, t| {
        for book in s.run(&t::NEWEST, (t, 6)).await? {
            s.run(&t::ADD_EVENT, (t, book.id, "seen".to_owned())).await?;
        }
    }
    loop_of_updates_in_a_transaction [NPlusOne "price"] |s, t| {
        s.transaction(async |tx: Session| {
            for book in tx.run(&t::NEWEST, (t, 6)).await? {
                tx.run(&t::PRICE, (t, book.id, 1_900)).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    }
    loops_abreast [NPlusOne "books_of"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let (a, rest) = authors.split_at(4);
        let (b, c) = rest.split_at(4);
        together((
            books_of_some(&s, a),
            books_of_some(&s, b),
            books_of_some(&s, c),
        ))
        .await
        .all()?;
    }
    loop_over_tenants [NPlusOne "count_books"] |s, t| {
        for tenant in [t, TenantId(t.get() + 1), TenantId(t.get() + 2)] {
            let there = s.for_tenant(tenant);
            there.run(&t::COUNT_BOOKS, (tenant,)).await?;
        }
    }
    loop_over_days [NPlusOne "count_between"] |s, t| {
        for n in 0..7 {
            s.run(&t::COUNT_BETWEEN, (t, day(n), day(n + 1))).await?;
        }
    }
    loop_over_ids_of_the_request [NPlusOne "author_get"] |s, t| {
        for id in [20_003, 20_007, 20_011, 20_004, 20_002] {
            s.run(&t::AUTHOR_GET, (t, id)).await?;
        }
    }
    loop_of_reads_in_a_transaction [NPlusOne "events_of"] |s, t| {
        s.transaction(async |tx: Session| {
            for book in tx.run(&t::NEWEST, (t, 6)).await? {
                tx.run(&t::EVENTS_OF, (t, book.id)).await?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    }
    loop_of_counts [NPlusOne "count_books_of"] |s, t| {
        let mut most = 0;
        for author in s.run(&t::AUTHORS, (t,)).await? {
            most = most.max(s.run(&t::COUNT_BOOKS_OF, (t, author.id)).await?);
        }
        assert!(most > 0);
    }
    until_one_is_found [NPlusOne "count_books_of"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            if s.run(&t::COUNT_BOOKS_OF, (t, author.id)).await? < 4 {
                break;
            }
        }
    }
    loop_of_built_queries [NPlusOne "books_of_author"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            let query = t::books_query(t, Some(author.id));
            s.select::<t::Book>("shelf.books_of_author", &query).await?;
        }
    }
    loop_of_built_pages [NPlusOne "page_of_author"] |s, t| {
        for author in s.run(&t::AUTHORS, (t,)).await? {
            let query = t::books_query(t, Some(author.id));
            s.select_page::<t::Book>("shelf.page_of_author", &query, 10, 0).await?;
        }
    }
    loop_of_deletes [NPlusOne "forget"] |s, t| {
        for book in s.run(&t::NEWEST, (t, 5)).await? {
            s.run(&t::FORGET, (t, book.id, "nothing".to_owned())).await?;
        }
    }
    loop_after_together [NPlusOne "city"] |s, t| {
        let (authors, _) = together((s.run(&t::AUTHORS, (t,)), s.run(&t::COUNT_BOOKS, (t,))))
            .await
            .all()?;
        for author in authors {
            line(&s, &author).await?;
        }
    }
    tree_by_nodes [NPlusOne "pupils"] |s, t| {
        let mut open = vec![20_001];
        while let Some(teacher) = open.pop() {
            let pupils = s.run(&t::PUPILS, (t, teacher)).await?;
            open.extend(pupils.iter().map(|a| a.id));
        }
    }
    loop_in_one_branch [NPlusOne "city"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let names = async {
            for author in &authors {
                city_name(&s, author).await?;
            }
            Ok::<_, Error>(())
        };
        together((names, s.run(&t::COUNT_EVENTS, (t,)))).await.all()?;
    }
    settings_by_each_helper [RepeatedRead "settings"] |s, t| {
        if is_open(&s).await? {
            let page = page_size(&s).await?;
            s.run(&t::NEWEST, (t, page)).await?;
        }
    }
    the_same_in_a_loop [RepeatedRead "count_authors"] |s, t| {
        for _ in 0..4 {
            s.run(&t::COUNT_AUTHORS, (t,)).await?;
        }
    }
    the_same_key_again [RepeatedRead "load_author"] |s, _t| {
        let author = s.load(&t::LOAD_AUTHOR, 20_004).await?;
        assert!(author.is_some());
        s.load(&t::LOAD_AUTHOR, 20_004).await?;
    }
    the_same_around_another [RepeatedRead "author_get"] |s, t| {
        s.run(&t::AUTHOR_GET, (t, 20_005)).await?;
        s.run(&t::BOOKS_OF, (t, 20_005)).await?;
        s.run(&t::AUTHOR_GET, (t, 20_005)).await?;
    }
    dashboard_one_by_one [SerialReads "authors"] |s, t| {
        s.run(&t::AUTHORS, (t,)).await?;
        s.run(&t::COUNT_BOOKS, (t,)).await?;
        s.run(&t::CITIES, (t,)).await?;
        s.run(&t::NEWEST, (t, 10)).await?;
    }
    one_author_piece_by_piece [SerialReads "author_get"] |s, t| {
        let Some(author) = s.run(&t::AUTHOR_GET, (t, 20_003)).await? else {
            return Ok(());
        };
        s.run(&t::BOOKS_OF, (t, author.id)).await?;
        s.run(&t::PUPILS, (t, author.id)).await?;
    }
    a_period_one_by_one [SerialReads "count_between"] |s, t| {
        let (from, to) = (day(1), day(40));
        s.run(&t::COUNT_BETWEEN, (t, from, to)).await?;
        s.run(&t::SINCE, (t, from)).await?;
        s.run(&t::EVENTS_NAMED, (t, "lent".to_owned(), 20)).await?;
    }
    filters_one_by_one [SerialReads "events_named"] |s, t| {
        s.run(&t::EVENTS_NAMED, (t, "bought".to_owned(), 20)).await?;
        s.run(&t::TITLED, (t, "Vol%".to_owned())).await?;
        s.run(&t::CITIES, (t,)).await?;
    }
    figures_one_by_one [SerialReads "count_authors"] |s, t| {
        s.run(&t::COUNT_AUTHORS, (t,)).await?;
        s.run(&t::COUNT_BOOKS, (t,)).await?;
        s.run(&t::COUNT_CITIES, (t,)).await?;
        s.run(&t::COUNT_EVENTS, (t,)).await?;
        s.run(&t::COUNT_BETWEEN, (t, day(0), day(9))).await?;
    }
    built_queries_one_by_one [SerialReads "all_books"] |s, t| {
        s.select::<t::Book>("shelf.all_books", &t::books_query(t, None)).await?;
        s.run(&t::CITIES, (t,)).await?;
        s.run(&t::COUNT_EVENTS, (t,)).await?;
    }
    two_after_the_settings [SerialReads "settings"] |s, t| {
        let rules = s.run(&t::SETTINGS, (t,)).await?;
        let since = day(200).checked_sub(std::time::Duration::from_hours(24) * u32::try_from(rules.days).unwrap());
        s.run(&t::SINCE, (t, since.unwrap())).await?;
        s.run(&t::CITIES, (t,)).await?;
    }
    books_that_nobody_reads [UnusedLoad "load_books"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = s.with(authors).relation(&t::LOAD_BOOKS, |a| a.id).load().await?;
        let names: Vec<String> = pages.into_iter().map(|(author, _)| author.name).collect();
        assert!(names.len() == 12);
    }
    events_loaded_and_dropped [UnusedLoad "load_events"] |s, t| {
        let books = s.run(&t::NEWEST, (t, 5)).await?;
        let keys = books.iter().map(|b| b.id).collect();
        drop(s.load_many(&t::LOAD_EVENTS, keys).await?);
    }
    one_relation_of_two [UnusedLoad "load_books"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let pages = s
            .with(authors)
            .relation(&t::LOAD_CITY, |a| a.city_id)
            .relation(&t::LOAD_BOOKS, |a| a.id)
            .load()
            .await?;
        assert!(pages.iter().all(|(_, city, _)| city.is_some()));
    }
    naive_and_wasteful [NPlusOne "count_books_of", UnusedLoad "load_books"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        for author in &authors {
            s.run(&t::COUNT_BOOKS_OF, (t, author.id)).await?;
        }
        let keys = authors.iter().map(|a| a.id).collect();
        drop(s.load_many(&t::LOAD_BOOKS, keys).await?);
    }
    loads_in_each_then_a_loop [NPlusOne "books_of"] |s, t| {
        let authors = s.run(&t::AUTHORS, (t,)).await?;
        let cities = each(authors.clone(), async |a: Author| {
            s.load(&t::LOAD_CITY, a.city_id.unwrap_or(0)).await
        });
        cities.await?;
        books_of_some(&s, &authors).await?;
    }
}
