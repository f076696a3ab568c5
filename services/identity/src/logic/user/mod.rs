//! Those who run a tenant look after its people.
pub(crate) mod bulk;
mod change;
mod create;
mod read;
mod roles;
mod standing;

use brisk_db::Session;

pub(crate) use change::{UserChange, update};
pub(crate) use create::{NewPerson, create};
pub(crate) use read::{UserCounts, counts, get, numbered, page};
pub(crate) use roles::{add_role, set_roles, take_role};
pub(crate) use standing::{activate, deactivate, delete, end_sessions, sessions, unlock};

use crate::model::audit::{Actor, Device, Entry};

/// An entry about what the caller of `session` does.
pub(crate) fn entry(session: &Session, action: &'static str, device: &Device) -> Entry {
    let actor = Actor::of(session.scope().principal());
    Entry::new(action, session.tenant(), actor, device.clone())
}
