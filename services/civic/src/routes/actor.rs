//! The caller as the history shows it.

use brisk_core::{Role, Scope};

use crate::logic::case::Actor;
use crate::model::workflow::ActorRole;

/// Who makes a change.
pub(super) fn actor(scope: &Scope) -> Actor {
    let caller = scope.principal();
    let role = match caller.standing() {
        Some(Role::PlatformAdmin) => ActorRole::PlatformAdmin,
        Some(Role::Admin) => ActorRole::Admin,
        Some(Role::Manager) => ActorRole::Manager,
        Some(Role::Agent) => ActorRole::Agent,
        Some(Role::Importer) => ActorRole::Importer,
        Some(Role::Auditor) => ActorRole::Auditor,
        Some(Role::Reporter) | None => ActorRole::Reporter,
    };
    Actor {
        name: caller.subject.clone(),
        role,
    }
}
