//! Independent reads in one call: they travel together, and each has its own result.

use std::error::Error as StdError;
use std::fmt;

use brisk_core::{Class, Failure};

use crate::error::Error;
use crate::panics::caught_as;

/// Runs independent reads side by side and answers the result of each.
///
/// On PostgreSQL they share one round trip over the lanes, on SQLite they run on the readers at once. No part waits for
/// another's success: what fails, or panics, is that part's error alone. Up to eight parts.
///
/// ```
/// # use brisk_db::{Error, One, Session, statements, together};
/// statements! {
///     prefix "doc";
///     OPEN() -> One<i64> = "SELECT count(*) FROM issues WHERE open";
///     NEWEST(limit: i64) -> Vec<String> = "SELECT title FROM issues ORDER BY id DESC LIMIT $1";
/// }
///
/// async fn overview(session: &Session) -> Result<(i64, Vec<String>), Error> {
///     let parts = together((session.run(&OPEN, ()), session.run(&NEWEST, (5,)))).await;
///     // All of them, or what failed of them; `parts.each()` is one result for each.
///     Ok(parts.all()?)
/// }
/// # fn main() {}
/// ```
pub async fn together<R: Reads>(reads: R) -> Parts<R::Results> {
    Parts(reads.run().await)
}

/// A tuple of futures that [`together`] takes.
pub trait Reads {
    /// Their results, in order.
    type Results;

    /// Polls all of them until each is done.
    fn run(self) -> impl Future<Output = Self::Results> + Send;
}

/// The results of [`together`], one for each part.
#[derive(Debug)]
#[must_use = "a part that failed is told nowhere else"]
pub struct Parts<R>(R);

impl<R> Parts<R> {
    /// Each part's result by itself, for an answer that can do without some of them.
    pub fn each(self) -> R {
        self.0
    }
}

/// What failed of the parts of [`together`].
#[derive(Debug)]
pub struct Failed<E> {
    first: (usize, E),
    others: Vec<(usize, E)>,
    parts: usize,
}

impl<E> Failed<E> {
    /// The parts that failed, in their order, which counts from 0.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &E)> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .map(|(part, e)| (*part, e))
    }
}

impl<E: fmt::Display> Failed<E> {
    /// The first failure alone, for callers that answer with one; the others go to the log.
    pub fn into_first(self) -> E {
        for (part, error) in &self.others {
            tracing::warn!(part, %error, "another of the reads of one call failed too");
        }
        self.first.1
    }
}

impl<E: fmt::Display> fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} reads failed",
            self.others.len() + 1,
            self.parts
        )?;
        for (part, error) in &self.others {
            write!(f, "; read {part}: {error}")?;
        }
        write!(f, "; read {}", self.first.0)
    }
}

impl<E: StdError + 'static> StdError for Failed<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.first.1)
    }
}

impl<E: Failure> Failure for Failed<E> {
    fn class(&self) -> Class {
        self.first.1.class()
    }

    fn code(&self) -> &'static str {
        self.first.1.code()
    }

    fn detail(&self) -> std::borrow::Cow<'static, str> {
        self.first.1.detail()
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        self.first.1.retry_after()
    }
}

impl From<Failed<Self>> for Error {
    fn from(failed: Failed<Self>) -> Self {
        failed.into_first()
    }
}

macro_rules! parts {
    ($count:literal: $($name:ident $at:tt),*) => {
        impl<E, $($name),*> Parts<($(Result<$name, E>,)*)> {
            /// Every part's value, or every part's failure.
            ///
            /// # Errors
            ///
            /// [`Failed`], which names all parts that failed.
            #[expect(non_snake_case, reason = "the type parameters name the values")]
            pub fn all(self) -> Result<($($name,)*), Failed<E>> {
                let mut failures = Vec::new();
                let values = ($(
                    self.0.$at.map_err(|e| failures.push(($at, e))).ok(),
                )*);
                let mut failures = failures.into_iter();
                match (failures.next(), values) {
                    (None, ($(Some($name),)*)) => Ok(($($name,)*)),
                    (Some(first), _) => Err(Failed {
                        first,
                        others: failures.collect(),
                        parts: $count,
                    }),
                    (None, _) => unreachable!("a part without a value has pushed its failure"),
                }
            }
        }
    };
}

macro_rules! reads {
    ($count:literal: $($future:ident $name:ident $at:tt),+) => {
        impl<E, $($name, $future),+> Reads for ($($future,)+)
        where
            E: From<Error> + Send,
            $($name: Send, $future: Future<Output = Result<$name, E>> + Send),+
        {
            type Results = ($(Result<$name, E>,)+);

            fn run(self) -> impl Future<Output = Self::Results> + Send {
                async move { tokio::join!($(caught_as("db.together", self.$at)),+) }
            }
        }

        parts!($count: $($name $at),+);
    };
}

reads!(1: FA A 0);
reads!(2: FA A 0, FB B 1);
reads!(3: FA A 0, FB B 1, FC C 2);
reads!(4: FA A 0, FB B 1, FC C 2, FD D 3);
reads!(5: FA A 0, FB B 1, FC C 2, FD D 3, FE G 4);
reads!(6: FA A 0, FB B 1, FC C 2, FD D 3, FE G 4, FF H 5);
reads!(7: FA A 0, FB B 1, FC C 2, FD D 3, FE G 4, FF H 5, FG I 6);
reads!(8: FA A 0, FB B 1, FC C 2, FD D 3, FE G 4, FF H 5, FG I 6, FH J 7);
