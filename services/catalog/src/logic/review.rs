//! Reviews, with author and book where these are asked for.

use brisk_db::{Asked, Constraint, Session};
use brisk_http::Numbered;
use futures::try_join;
use serde::Serialize;

use super::list::{Lists, related};
use crate::error::{Error, not_found};
use crate::ids::ReviewId;
use crate::model::Rules;
use crate::model::author::Author;
use crate::model::book::Book;
use crate::model::review::{NewReview, Review};
use crate::state::CatalogState;
pub(crate) use crate::store::review::LIST;
use crate::store::review::Reviews;
use crate::store::{author, book};

/// A review with what was loaded along.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReviewItem {
    #[serde(flatten)]
    review: Review,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<Author>,
    #[serde(skip_serializing_if = "Option::is_none")]
    book: Option<Book>,
}

/// Reviews with what is to be loaded along, at a statement for each relation.
async fn along(
    session: &Session,
    asked: &Asked,
    reviews: Vec<Review>,
) -> Result<Vec<ReviewItem>, Error> {
    let authors = reviews.iter().map(|review| review.author_id).collect();
    let books = reviews.iter().filter_map(|review| review.book_id).collect();
    let (authors, mut books) = try_join!(
        related(session, &author::GET, asked.relation("author"), authors),
        related(session, &book::GET, asked.relation("book"), books),
    )?;
    let items = reviews.into_iter().zip(authors);
    Ok(items
        .map(|(review, author)| ReviewItem {
            author: author.flatten(),
            book: review.book_id.and_then(|_| books.next()?.flatten()),
            review,
        })
        .collect())
}

/// A page of reviews.
///
/// # Errors
///
/// As [`Lists::page`].
pub(crate) async fn page(
    lists: &Lists,
    session: &Session,
    asked: &Asked,
) -> Result<Numbered<ReviewItem>, Error> {
    let items = |reviews| along(session, asked, reviews);
    lists.page(session, &LIST, asked, items).await
}

/// Makes a review in the caller's name.
///
/// # Errors
///
/// [`Error::Fields`], also for an author or a book that the tenant does not have.
pub(crate) async fn create(
    state: &CatalogState,
    session: &Session,
    new: NewReview,
) -> Result<Review, Error> {
    let mut rules = Rules::default();
    new.check(&mut rules);
    rules.finish()?;
    let reviewer = session.scope().principal().subject.clone();
    let made = Reviews(session)
        .insert(new, reviewer, state.clock.now())
        .await;
    made.map_err(|error| match error {
        brisk_db::Error::Constraint {
            constraint: Constraint::ForeignKey,
            ..
        } => Error::field(
            "author_id",
            "unknown_author",
            "names no author, or `book_id` no book",
        ),
        other => other.into(),
    })
}

/// Deletes a review.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn delete(session: &Session, id: ReviewId) -> Result<(), Error> {
    let was_there = Reviews(session).delete(id).await?;
    was_there
        .then_some(())
        .ok_or_else(|| not_found("Review", id.to_string()))
}
