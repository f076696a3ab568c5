//! Books, with their author and reviews where these are asked for.

use brisk_db::{Asked, Constraint, Session};
use brisk_http::Numbered;
use futures::try_join;
use serde::Serialize;

use super::list::{Lists, children, related};
use crate::error::{Error, not_found};
use crate::ids::BookId;
use crate::model::Rules;
use crate::model::author::Author;
use crate::model::book::{Book, NewBook};
use crate::model::review::Review;
use crate::state::CatalogState;
use crate::store::book::{Books, GET};
pub(crate) use crate::store::book::{LIST, ONE};
use crate::store::{author, review};

/// A book with what was loaded along.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BookItem {
    #[serde(flatten)]
    book: Book,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<Author>,
    /// The first 100 reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews: Option<Vec<Review>>,
    /// Whether there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews_truncated: Option<bool>,
}

/// Books with what is to be loaded along, at a statement for each relation.
async fn along(session: &Session, asked: &Asked, books: Vec<Book>) -> Result<Vec<BookItem>, Error> {
    let authors = books.iter().map(|book| book.author_id).collect();
    let ids = books.iter().map(|book| book.id).collect();
    let (authors, reviews) = try_join!(
        related(session, &author::GET, asked.relation("author"), authors),
        related(session, &review::OF_BOOK, asked.relation("reviews"), ids),
    )?;
    let items = books.into_iter().zip(authors).zip(reviews);
    Ok(items
        .map(|((book, author), reviews)| {
            let (reviews, reviews_truncated) = children(reviews);
            BookItem {
                book,
                author: author.flatten(),
                reviews,
                reviews_truncated,
            }
        })
        .collect())
}

/// A page of books.
///
/// # Errors
///
/// As [`Lists::page`].
pub(crate) async fn page(
    lists: &Lists,
    session: &Session,
    asked: &Asked,
) -> Result<Numbered<BookItem>, Error> {
    let items = |books| along(session, asked, books);
    lists.page(session, &LIST, asked, items).await
}

/// One book.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(session: &Session, id: BookId, asked: &Asked) -> Result<BookItem, Error> {
    let book = session.load(&GET, id).await?.ok_or_else(|| gone(id))?;
    let mut items = along(session, asked, vec![book]).await?;
    items.pop().ok_or_else(|| gone(id))
}

/// Makes a book.
///
/// # Errors
///
/// [`Error::Fields`], also for an author that the tenant does not have; [`Error::Taken`] where another one has its number.
pub(crate) async fn create(
    state: &CatalogState,
    session: &Session,
    new: NewBook,
) -> Result<Book, Error> {
    let new = tidied(new)?;
    let made = Books(session).insert(new.clone(), state.clock.now()).await;
    made.map_err(|e| refused(e, &new))
}

/// Writes all of a book.
///
/// # Errors
///
/// As [`create`]; [`Error::NotFound`].
pub(crate) async fn update(session: &Session, id: BookId, new: NewBook) -> Result<Book, Error> {
    let new = tidied(new)?;
    let written = Books(session).update(id, new.clone()).await;
    written
        .map_err(|e| refused(e, &new))?
        .ok_or_else(|| gone(id))
}

/// Deletes a book with its reviews.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn delete(session: &Session, id: BookId) -> Result<(), Error> {
    let was_there = Books(session).delete(id).await?;
    was_there.then_some(()).ok_or_else(|| gone(id))
}

fn gone(id: BookId) -> Error {
    not_found("Book", id.to_string())
}

fn tidied(new: NewBook) -> Result<NewBook, Error> {
    let mut rules = Rules::default();
    let new = new.tidied(&mut rules);
    rules.finish().map(|()| new)
}

fn refused(error: brisk_db::Error, new: &NewBook) -> Error {
    match error {
        brisk_db::Error::Constraint {
            constraint: Constraint::Unique,
            ..
        } => Error::Taken {
            what: "Book",
            field: "isbn",
            value: new.isbn.clone().unwrap_or_default(),
        },
        brisk_db::Error::Constraint {
            constraint: Constraint::ForeignKey,
            ..
        } => Error::field("author_id", "unknown_author", "names no author"),
        other => other.into(),
    }
}
