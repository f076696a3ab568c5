//! Every statement of the service, one file for each resource.
pub(crate) mod account;
pub(crate) mod addressee;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod identity;
pub(crate) mod oauth_state;
pub(crate) mod one_time;
pub(crate) mod provider;
pub(crate) mod refresh_token;
pub(crate) mod revoked;
pub(crate) mod role;
pub(crate) mod role_admin;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod system;
pub(crate) mod tenant_admin;
pub(crate) mod throttle;
pub(crate) mod totp;
pub(crate) mod user;
pub(crate) mod user_admin;
pub(crate) mod user_list;

#[cfg(test)]
mod tests;

use brisk_db::Declared;

/// All of them, for the test that prepares them.
pub(crate) fn statements() -> Vec<&'static dyn Declared> {
    [
        account::STATEMENTS,
        addressee::STATEMENTS,
        client::STATEMENTS,
        identity::STATEMENTS,
        one_time::STATEMENTS,
        provider::STATEMENTS,
        refresh_token::STATEMENTS,
        revoked::STATEMENTS,
        role::STATEMENTS,
        role_admin::STATEMENTS,
        session::STATEMENTS,
        setup::STATEMENTS,
        system::STATEMENTS,
        tenant_admin::STATEMENTS,
        throttle::STATEMENTS,
        totp::STATEMENTS,
        user::STATEMENTS,
        user_admin::STATEMENTS,
    ]
    .concat()
}
