//! What the service is about: types and rules, without a database or a socket.
pub mod audit;
pub mod catalogue;
pub mod client;
pub mod email;
pub mod oauth;
pub mod one_time;
pub mod provider;
pub mod return_to;
pub mod role;
pub mod secret;
pub mod session;
pub mod slug;
pub mod tenant_rules;
pub mod throttle;
pub mod totp;
pub mod user;
