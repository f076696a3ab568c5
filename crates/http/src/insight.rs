//! Who may see what the program costs.

use brisk_core::{Principal, Role};

use crate::{Environment, Exchange, Problem};

/// Whether the caller runs or audits the installation.
pub(crate) fn is_operator(principal: &Principal) -> bool {
    matches!(principal.role, Some(Role::PlatformAdmin | Role::Auditor))
        || principal.permissions.allow("platform:telemetry")
}

/// Passes operators, and anybody from a network that may look.
pub(crate) fn require(exchange: &Exchange) -> Result<(), Problem> {
    let near = match &exchange.insight {
        Some(list) => list.iter().any(|net| net.contains(&exchange.client)),
        None => exchange.environment == Environment::Development && exchange.client.is_loopback(),
    };
    if near || is_operator(&exchange.principal) {
        Ok(())
    } else if exchange.principal.is_anonymous() {
        Err(Problem::unauthenticated())
    } else {
        Err(Problem::forbidden("this is for operators").with("required", "telemetry:read"))
    }
}
