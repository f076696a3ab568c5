//! Made-up rows, for demonstrations and measurements.

use brisk_core::Clock;
use brisk_db::{OnConflict, Session};

use crate::error::Error;
use crate::ids::AuthorId;
use crate::store::author::Authors;
use crate::store::book::{Books, NewBookRow};
use crate::store::review::{NewReviewRow, Reviews};

/// How many rows to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) authors: u32,
    /// Of each author.
    pub(crate) books: u32,
    /// Of each author.
    pub(crate) reviews: u32,
}

/// How many rows were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) authors: u64,
    pub(crate) books: u64,
    pub(crate) reviews: u64,
}

/// Authors of one transaction.
const CHUNK: u32 = 1_000;

/// Makes authors with books and reviews. Authors of these names that are there already are left alone, so a second call with
/// larger numbers adds what is missing.
///
/// # Errors
///
/// When the database cannot answer; chunks that were written stay.
pub(crate) async fn seed(session: &Session, clock: &Clock, amount: Amount) -> Result<Made, Error> {
    let mut all = Made::default();
    let mut first = 0;
    while first < amount.authors {
        let end = first.saturating_add(CHUNK).min(amount.authors);
        let made = session
            .transaction(async |session: Session| chunk(&session, clock, first..end, amount).await)
            .await?;
        all.authors += made.authors;
        all.books += made.books;
        all.reviews += made.reviews;
        first = end;
    }
    Ok(all)
}

async fn chunk(
    session: &Session,
    clock: &Clock,
    numbers: std::ops::Range<u32>,
    amount: Amount,
) -> Result<Made, Error> {
    let (tenant, now) = (session.tenant(), clock.now());
    let names = numbers.map(|n| format!("Author {n:06}")).collect();
    let authors: Vec<AuthorId> = Authors(session).insert_named(names, now).await?;
    let books = authors.iter().flat_map(|author| {
        (1..=amount.books).map(move |n| NewBookRow {
            tenant_id: tenant,
            author_id: *author,
            title: format!("Book {n} of author {author}"),
            isbn: None,
            published_on: None,
            created_at: now,
        })
    });
    let reviews = authors.iter().flat_map(|author| {
        (1..=amount.reviews).map(move |n| NewReviewRow {
            tenant_id: tenant,
            author_id: *author,
            book_id: None,
            reviewer_id: format!("reader-{n}"),
            rating: i64::from(n % 5) + 1,
            body: format!("Review {n}"),
            created_at: now,
        })
    });
    Ok(Made {
        authors: authors.len() as u64,
        books: Books(session)
            .insert_many(books.collect(), OnConflict::Fail)
            .await?,
        reviews: Reviews(session).insert_many(reviews.collect()).await?,
    })
}
