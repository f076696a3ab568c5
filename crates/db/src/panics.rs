//! A panic in somebody's code becomes an error of that call; the thread or task that ran it lives on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;

use crate::error::Error;

/// Runs `work`; a panic in it is an error.
pub(crate) fn caught<T>(
    statement: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    // What `work` held is dropped with it; nothing half changed is looked at afterwards.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(error(statement, &*panic)))
}

/// Awaits `work`; a panic in it is an error.
pub(crate) async fn caught_in<T>(
    statement: &'static str,
    work: impl Future<Output = Result<T, Error>> + Send,
) -> Result<T, Error> {
    caught_as(statement, work).await
}

/// The same with somebody else's error.
pub(crate) async fn caught_as<T, E: From<Error>>(
    statement: &'static str,
    work: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(error(statement, &*panic).into()))
}

fn error(statement: &'static str, panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(
        statement,
        panic = said,
        "code on the way of a statement panicked"
    );
    Error::Statement {
        statement,
        source: format!("a panic: {said}").into(),
    }
}
