//! Those who run a tenant look after its people.
pub(crate) mod bulk;
mod change;
mod create;
mod invite;
mod read;
mod roles;
mod standing;

pub(crate) use change::{UserChange, update};
pub(crate) use create::{NewPerson, check_invite, create, taken};
pub(crate) use invite::invite;
pub(crate) use read::{UserCounts, counts, get, numbered, page};
pub(crate) use roles::{add_role, set_roles, take_role};
pub(crate) use standing::{activate, deactivate, delete, end_sessions, sessions, unlock};
