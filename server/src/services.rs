//! The services of this build, and what connects them with the console.

use std::sync::Arc;

use brisk::axum::Router;
use brisk::{App, Kit};
use brisk_console::{Console, Empty, PublicDashboard, not_found};

/// Adds every service of this build; a new one is one line here.
pub(crate) fn add(app: App) -> App {
    app.service(brisk_civic::service())
}

/// The pages at the root, and the answer to unknown paths.
pub(crate) fn pages(kit: &Kit) -> Router {
    Console::new(public(kit), kit.clock.clone())
        .router()
        .fallback(not_found)
}

/// Where the console's figures come from.
fn public(_: &Kit) -> Arc<dyn PublicDashboard> {
    Arc::new(Empty)
}
