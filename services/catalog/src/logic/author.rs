//! Authors, with their books and reviews where these are asked for.

use std::collections::HashMap;
use std::hash::Hash;

use brisk_core::FieldError;
use brisk_db::{Asked, Session};
use brisk_http::Numbered;
use futures::try_join;
use serde::Serialize;

use super::list::{Lists, children, related};
use crate::error::{Error, not_found};
use crate::ids::AuthorId;
use crate::model::Rules;
use crate::model::author::{Author, AuthorStatus, NewAuthor};
use crate::model::book::Book;
use crate::model::review::Review;
use crate::state::CatalogState;
use crate::store::author::{ADDRESSED, Authors, GET, NAMED};
pub(crate) use crate::store::author::{FIND, LIST, ONE};
use crate::store::{book, review};

/// Authors of one batch.
const MOST_IN_BATCH: usize = 1_000;

/// Authors of a list without pages.
const MOST_FOUND: u32 = 1_000;

/// An author with what was loaded along.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuthorItem {
    #[serde(flatten)]
    author: Author,
    /// The first 100 books.
    #[serde(skip_serializing_if = "Option::is_none")]
    books: Option<Vec<Book>>,
    /// Whether there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    books_truncated: Option<bool>,
    /// The first 100 reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews: Option<Vec<Review>>,
    /// Whether there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviews_truncated: Option<bool>,
}

/// Authors with what is to be loaded along, at a statement for each relation.
async fn along(
    session: &Session,
    asked: &Asked,
    authors: Vec<Author>,
) -> Result<Vec<AuthorItem>, Error> {
    let ids: Vec<AuthorId> = authors.iter().map(|author| author.id).collect();
    let (books, reviews) = try_join!(
        related(
            session,
            &book::OF_AUTHOR,
            asked.relation("books"),
            ids.clone()
        ),
        related(session, &review::OF_AUTHOR, asked.relation("reviews"), ids),
    )?;
    let items = authors.into_iter().zip(books).zip(reviews);
    Ok(items
        .map(|((author, books), reviews)| {
            let (books, books_truncated) = children(books);
            let (reviews, reviews_truncated) = children(reviews);
            AuthorItem {
                author,
                books,
                books_truncated,
                reviews,
                reviews_truncated,
            }
        })
        .collect())
}

/// A page of authors.
///
/// # Errors
///
/// As [`Lists::page`].
pub(crate) async fn page(
    lists: &Lists,
    session: &Session,
    asked: &Asked,
) -> Result<Numbered<AuthorItem>, Error> {
    let items = |authors| along(session, asked, authors);
    lists.page(session, &LIST, asked, items).await
}

/// The first thousand authors, and whether there are more.
///
/// # Errors
///
/// When the database cannot answer.
pub(crate) async fn find(session: &Session, asked: &Asked) -> Result<(Vec<Author>, bool), Error> {
    Ok(FIND.first(session, asked, MOST_FOUND).await?)
}

/// One author.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(
    session: &Session,
    id: AuthorId,
    asked: &Asked,
) -> Result<AuthorItem, Error> {
    let author = session.load(&GET, id).await?.ok_or_else(|| gone(id))?;
    let mut items = along(session, asked, vec![author]).await?;
    items.pop().ok_or_else(|| gone(id))
}

/// Makes an author.
///
/// # Errors
///
/// [`Error::Fields`]; [`Error::Taken`] where another one has its name or address.
pub(crate) async fn create(
    state: &CatalogState,
    session: &Session,
    new: NewAuthor,
) -> Result<Author, Error> {
    let new = tidied(new)?;
    let made = Authors(session)
        .insert(new.clone(), state.clock.now())
        .await;
    made.map_err(|e| taken(e, &new))
}

/// Makes many authors, or none.
///
/// # Errors
///
/// [`Error::Fields`] with every wrong field of every row; [`Error::Collide`] with every row that collides.
pub(crate) async fn create_many(
    state: &CatalogState,
    session: &Session,
    batch: Vec<NewAuthor>,
) -> Result<Vec<AuthorId>, Error> {
    if batch.is_empty() || batch.len() > MOST_IN_BATCH {
        let message = format!("must have 1 to {MOST_IN_BATCH} authors");
        return Err(Error::field("", "length", message));
    }
    let mut rules = Rules::default();
    let rows = batch.into_iter().enumerate();
    let new: Vec<NewAuthor> = rows
        .map(|(row, new)| new.tidied(rules.of_row(row)))
        .collect();
    rules.finish()?;
    let collisions = among_each_other(&new);
    if !collisions.is_empty() {
        return Err(Error::Collide(collisions));
    }
    let now = state.clock.now();
    match Authors(session).insert_many(new.clone(), now).await {
        Ok(ids) => Ok(ids),
        Err(e) if e.unique_rule().is_some() => {
            Err(Error::Collide(with_others(session, &new).await?))
        }
        Err(e) => Err(e.into()),
    }
}

/// Writes all of an author.
///
/// # Errors
///
/// As [`create`]; [`Error::NotFound`].
pub(crate) async fn update(
    state: &CatalogState,
    session: &Session,
    id: AuthorId,
    new: NewAuthor,
) -> Result<Author, Error> {
    let new = tidied(new)?;
    let written = Authors(session)
        .update(id, new.clone(), state.clock.now())
        .await;
    written.map_err(|e| taken(e, &new))?.ok_or_else(|| gone(id))
}

/// Writes an author's status.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn set_status(
    state: &CatalogState,
    session: &Session,
    id: AuthorId,
    status: AuthorStatus,
) -> Result<Author, Error> {
    let now = state.clock.now();
    let written = Authors(session).set_status(id, status, now).await?;
    written.ok_or_else(|| gone(id))
}

/// Deletes an author with its books and reviews.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn delete(session: &Session, id: AuthorId) -> Result<(), Error> {
    let was_there = Authors(session).delete(id).await?;
    was_there.then_some(()).ok_or_else(|| gone(id))
}

fn gone(id: AuthorId) -> Error {
    not_found("Author", id.to_string())
}

fn tidied(new: NewAuthor) -> Result<NewAuthor, Error> {
    let mut rules = Rules::default();
    let new = new.tidied(&mut rules);
    rules.finish().map(|()| new)
}

/// Names what another author has already.
fn taken(error: brisk_db::Error, new: &NewAuthor) -> Error {
    match error.unique_rule() {
        // The name of the index or of its columns, as the engine has it.
        Some(rule) => {
            let (field, value) = match &new.email {
                Some(email) if rule.contains("email") => ("email", email),
                _ => ("name", &new.name),
            };
            Error::Taken {
                what: "Author",
                field,
                value: value.clone(),
            }
        }
        None => error.into(),
    }
}

fn collides(row: usize, field: &str, with: &str) -> FieldError {
    FieldError::new(
        format!("[{row}].{field}"),
        "conflict",
        format!("is that of {with}"),
    )
}

/// Rows of a batch that have a name or an address of an earlier one.
fn among_each_other(new: &[NewAuthor]) -> Vec<FieldError> {
    let (mut names, mut emails) = (HashMap::new(), HashMap::new());
    let mut found = Vec::new();
    for (row, new) in new.iter().enumerate() {
        if let Some(first) = earlier(&mut names, &new.name, row) {
            found.push(collides(row, "name", &format!("row {first}")));
        }
        if let Some(email) = &new.email
            && let Some(first) = earlier(&mut emails, email, row)
        {
            found.push(collides(row, "email", &format!("row {first}")));
        }
    }
    found
}

fn earlier<K: Eq + Hash>(seen: &mut HashMap<K, usize>, key: K, row: usize) -> Option<usize> {
    let first = *seen.entry(key).or_insert(row);
    (first != row).then_some(first)
}

/// Rows of a batch that have a name or an address of an author that is there.
async fn with_others(session: &Session, new: &[NewAuthor]) -> Result<Vec<FieldError>, Error> {
    let names = new.iter().map(|new| new.name.clone()).collect();
    let with_email = new.iter().enumerate();
    let (rows, emails): (Vec<_>, Vec<_>) = with_email
        .filter_map(|(row, new)| Some((row, new.email.clone()?)))
        .unzip();
    let (by_name, by_email) = try_join!(
        session.load_many(&NAMED, names),
        session.load_many(&ADDRESSED, emails),
    )?;
    let by_name = by_name.into_iter().enumerate();
    let by_name = by_name.filter_map(|(row, other)| Some((row, "name", other?)));
    let by_email = rows.into_iter().zip(by_email);
    let by_email = by_email.filter_map(|(row, other)| Some((row, "email", other?)));
    let mut found: Vec<_> = by_name.chain(by_email).collect();
    found.sort_by_key(|(row, field, _)| (*row, *field));
    let found = found.into_iter();
    Ok(found
        .map(|(row, field, other)| collides(row, field, &format!("author {}", other.id)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_that_repeats_an_earlier_one_is_named() {
        let author = |name: &str, email: Option<&str>| NewAuthor {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            status: AuthorStatus::Active,
        };
        let batch = [
            author("a", None),
            author("b", Some("x@y")),
            author("a", Some("x@y")),
            author("a", None),
        ];
        let found = among_each_other(&batch);
        let fields: Vec<_> = found.iter().map(|e| e.field.as_ref()).collect();
        assert_eq!(fields, ["[2].name", "[2].email", "[3].name"]);
    }
}
