//! What happens after a commit: wake a worker, drop a cached value.

use std::fmt;
use std::sync::Mutex;

type Hook = Box<dyn FnOnce() + Send>;

/// Closures that wait for one commit; dropped unrun when it does not come.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<Vec<Hook>>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl Hooks {
    pub(crate) fn add(&self, hook: Hook) {
        self.list().push(hook);
    }

    pub(crate) fn append(&self, other: &Self) {
        let others = std::mem::take(&mut *other.list());
        self.list().extend(others);
    }

    pub(crate) fn run(&self) {
        let hooks = std::mem::take(&mut *self.list());
        for hook in hooks {
            hook();
        }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Hook>> {
        self.0
            .lock()
            .expect("no hook runs while the list is locked")
    }
}
