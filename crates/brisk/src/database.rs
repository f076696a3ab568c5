//! The app's own question to the database: whether it answers.

use std::time::Duration;

use brisk_core::{Class, Failure as _, Scope};
use brisk_db::{Db, Declared, One};
use brisk_http::HealthCheck;

/// How long a health check waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

brisk_db::statements! {
    prefix "brisk";

    /// Whether the database answers.
    pub(crate) PING() -> One<i64> = "SELECT 1::bigint", sqlite "SELECT 1";
}

/// Every statement of this crate and of the kit below it, for the test that prepares them.
pub fn statements() -> Vec<&'static dyn Declared> {
    let mut all = STATEMENTS.to_vec();
    all.extend(brisk_auth::statements());
    all.extend(brisk_jobs::statements());
    all.extend(brisk_cache::statements());
    all
}

/// The check without which the process is not ready.
pub(crate) fn check(db: Db) -> HealthCheck {
    HealthCheck::required("database", PATIENCE, move || {
        let scope = Scope::platform("health").shortened(PATIENCE);
        let session = db.session(scope);
        async move {
            match session.run(&PING, ()).await {
                Ok(_) => Ok(()),
                Err(e) if e.class() == Class::Timeout => Err("timeout".to_owned()),
                Err(_) => Err("unavailable".to_owned()),
            }
        }
    })
}
