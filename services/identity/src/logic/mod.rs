//! What people do with the service; no HTTP here.
pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod erase;
pub(crate) mod housekeeping;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod rights;
pub(crate) mod role;
pub(crate) mod session;
pub(crate) mod tenant;
pub(crate) mod tenant_admin;
pub(crate) mod throttle;
pub(crate) mod user;
