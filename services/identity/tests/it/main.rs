//! The running service over HTTP, on both engines: sign-in, sessions, people, roles, isolation, budgets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod browser;
mod cookies;
mod cut;
mod foreign;
mod independent;
mod isolation;
mod journey;
mod lessons;
mod machines;
mod mail;
mod mfa;
mod model;
mod nodes;
mod oauth;
mod oauth_people;
mod people;
mod roles;
mod routes;
mod sessions;
mod smtp;
mod stub;
mod tenants;
mod world;

/// Runs each of the named tests on an app on PostgreSQL where the server itself keeps tenants apart.
macro_rules! behind_the_wall {
    ($($name:ident),* $(,)?) => {
        mod walled {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::world::TestApp::walled().await).await;
                }
            )*
        }
    };
}
pub(crate) use behind_the_wall;

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
