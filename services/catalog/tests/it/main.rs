//! The running service over HTTP, on both engines: the contract of its lists, rights, isolation, caches, audit log, budgets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod audit;
mod authors;
mod caches;
mod import;
mod isolation;
mod jobs;
mod others;
mod pages;
mod plans;
mod refusals;
mod relations;
mod routes;
mod web;
mod world;

/// Runs each of the named tests on an app on SQLite and on one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::TestApp::sqlite().await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::TestApp::postgres().await).await;
                }
            )*
        }
    };
}
pub(crate) use on_both;
