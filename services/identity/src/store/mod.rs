//! Every statement of the service, one file for each resource.
pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod refresh_token;
pub(crate) mod revoked;
pub(crate) mod role;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod throttle;
pub(crate) mod user;

use brisk_db::Declared;

/// All of them, for the test that prepares them.
pub(crate) fn statements() -> Vec<&'static dyn Declared> {
    [
        account::STATEMENTS,
        client::STATEMENTS,
        refresh_token::STATEMENTS,
        revoked::STATEMENTS,
        role::STATEMENTS,
        session::STATEMENTS,
        setup::STATEMENTS,
        system::STATEMENTS,
        throttle::STATEMENTS,
        user::STATEMENTS,
    ]
    .concat()
}
