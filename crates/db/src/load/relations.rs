//! Parents with their relations, as a tuple that holds what was loaded and nothing else.

use std::fmt;
use std::panic::Location;

use futures::future::{BoxFuture, try_join_all};

use super::answer::{Answer, LoadKey};
use super::declared::Load;
use crate::error::Error;
use crate::session::Session;

/// Parents for which [`each`] runs at once.
const AT_ONCE: usize = 1_024;

/// One relation of all parents, not asked for yet.
type Relation<'a, S> = BoxFuture<'a, Result<Vec<S>, Error>>;

/// Parents with the relations that are to be loaded for them; made by [`Session::with`].
#[must_use = "nothing is loaded before `load`"]
pub struct Related<'a, P, R> {
    session: &'a Session,
    parents: Vec<P>,
    relations: R,
}

impl<P: fmt::Debug, R> fmt::Debug for Related<'_, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Related")
            .field("parents", &self.parents)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Begins with parents whose relations are to be loaded: one statement for each relation, whatever their number
    /// (up to `load.batch_max`), all of them travelling together.
    ///
    /// What comes back is a tuple of the parent and what was loaded. A row has no way to its relations, so that one
    /// that was not loaded cannot be touched, let alone be fetched one by one:
    ///
    /// ```
    /// # use brisk_db::{Error, FromRow, Many, Session, statements};
    /// # #[derive(FromRow)] struct Writer { id: i64, city_id: Option<i64> }
    /// # #[derive(Clone, FromRow)] struct Book { title: String }
    /// # #[derive(Clone, FromRow)] struct City { name: String }
    /// # statements! {
    /// #     prefix "doc";
    /// #     load BOOKS(writer_id: i64) -> Many<Book> in "books", order "year DESC", limit 3;
    /// #     load CITY(id: i64) -> Option<City> in "cities", shared;
    /// # }
    /// # async fn pages(session: &Session, writers: Vec<Writer>) -> Result<(), Error> {
    /// let pages = session
    ///     .with(writers)
    ///     .relation(&BOOKS, |writer| writer.id)
    ///     .relation(&CITY, |writer| writer.city_id)
    ///     .load()
    ///     .await?;
    /// for (writer, books, city) in pages {
    ///     println!("{}: {} {:?}", writer.id, books.len(), city.map(|c| c.name));
    /// }
    /// # Ok(())
    /// # }
    /// # fn main() {}
    /// ```
    ///
    /// The same without the second relation does not compile:
    ///
    /// ```compile_fail
    /// # use brisk_db::{Error, FromRow, Many, Session, statements};
    /// # #[derive(FromRow)] struct Writer { id: i64, city_id: Option<i64> }
    /// # #[derive(Clone, FromRow)] struct Book { title: String }
    /// # #[derive(Clone, FromRow)] struct City { name: String }
    /// # statements! {
    /// #     prefix "doc";
    /// #     load BOOKS(writer_id: i64) -> Many<Book> in "books", order "year DESC", limit 3;
    /// #     load CITY(id: i64) -> Option<City> in "cities", shared;
    /// # }
    /// # async fn pages(session: &Session, writers: Vec<Writer>) -> Result<(), Error> {
    /// let pages = session
    ///     .with(writers)
    ///     .relation(&BOOKS, |writer| writer.id)
    ///     .load()
    ///     .await?;
    /// for (writer, books, city) in pages {
    ///     println!("{}: {} {:?}", writer.id, books.len(), city.map(|c| c.name));
    /// }
    /// # Ok(())
    /// # }
    /// # fn main() {}
    /// ```
    pub const fn with<P>(&self, parents: Vec<P>) -> Related<'_, P, ()> {
        Related {
            session: self,
            parents,
            relations: (),
        }
    }
}

macro_rules! relations {
    ($($had:ident)* + $new:ident) => {
        impl<'a, Parent, $($had: Answer),*> Related<'a, Parent, ($(Relation<'a, $had>,)*)> {
            /// Adds a relation: `key` tells for a parent which row, or whose children. A parent that has no key has
            /// no row.
            #[expect(clippy::allow_attributes, reason = "one macro for tuples of every length")]
            #[allow(non_snake_case, reason = "the type parameters name the fields")]
            #[track_caller]
            pub fn relation<Key: LoadKey, $new: Answer, Told: Into<Option<Key>>>(
                self,
                load: &'static Load<Key, $new>,
                key: impl Fn(&Parent) -> Told,
            ) -> Related<'a, Parent, ($(Relation<'a, $had>,)* Relation<'a, $new>,)> {
                let keys = self.parents.iter().map(|parent| key(parent).into()).collect();
                let ($($had,)*) = self.relations;
                let new: Relation<'a, $new> = Box::pin(
                    self.session.load_where_keyed(load, keys, Location::caller()),
                );
                Related {
                    session: self.session,
                    parents: self.parents,
                    relations: ($($had,)* new,),
                }
            }
        }

        impl<'a, Parent, $($had: Answer,)* $new: Answer>
            Related<'a, Parent, ($(Relation<'a, $had>,)* Relation<'a, $new>,)>
        {
            /// Loads the relations.
            ///
            /// # Errors
            ///
            /// As [`Session::run`]; the first relation that fails fails the call.
            #[expect(non_snake_case, reason = "the type parameters name the fields")]
            pub async fn load(self) -> Result<Vec<(Parent, $($had,)* $new)>, Error> {
                let ($($had,)* $new,) = self.relations;
                let ($($had,)* $new,) = tokio::try_join!($($had,)* $new)?;
                $(let mut $had = $had.into_iter();)*
                let mut $new = $new.into_iter();
                Ok(self
                    .parents
                    .into_iter()
                    .map(|parent| (
                        parent,
                        $($had.next().unwrap_or_default(),)*
                        $new.next().unwrap_or_default(),
                    ))
                    .collect())
            }
        }
    };
}

relations!(+ A);
relations!(A + B);
relations!(A B + C);
relations!(A B C + D);
relations!(A B C D + E);
relations!(A B C D E + F);

/// Runs `work` for each item, all at once and answered in order, so that what is written for one item is asked for all.
///
/// ```
/// # use brisk_db::{Error, FromRow, Many, Session, each, statements};
/// # struct Writer { id: i64, city_id: i64 }
/// # #[derive(Clone, FromRow)] struct Book { title: String }
/// # #[derive(Clone, FromRow)] struct City { name: String }
/// # statements! {
/// #     prefix "doc";
/// #     load BOOKS(writer_id: i64) -> Many<Book> in "books", order "year DESC", limit 3;
/// #     load CITY(id: i64) -> Option<City> in "cities", shared;
/// # }
/// # async fn pages(session: &Session, writers: Vec<Writer>) -> Result<(), Error> {
/// let pages = each(writers, async |writer: Writer| {
///     let books = session.load(&BOOKS, writer.id).await?;
///     let city = session.load(&CITY, writer.city_id).await?;
///     Ok::<_, Error>((writer, books, city))
/// })
/// .await?;
/// # Ok(())
/// # }
/// # fn main() {}
/// ```
///
/// That costs two statements for any number of writers up to `load.batch_max`. More than 1,024 items take turns.
///
/// # Errors
///
/// The first error of `work`; what it does for the other items is dropped.
pub async fn each<T, U, E, F>(
    items: impl IntoIterator<Item = T, IntoIter: Send> + Send,
    work: impl Fn(T) -> F + Send,
) -> Result<Vec<U>, E>
where
    T: Send,
    U: Send,
    E: Send,
    F: Future<Output = Result<U, E>> + Send,
{
    let mut items = items.into_iter();
    let mut done = Vec::with_capacity(items.size_hint().0.min(AT_ONCE));
    loop {
        let some: Vec<F> = items.by_ref().take(AT_ONCE).map(&work).collect();
        if some.is_empty() {
            return Ok(done);
        }
        done.extend(try_join_all(some).await?);
    }
}
