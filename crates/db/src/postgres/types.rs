//! Which types the parameters of a text have: asked once, for connections behind a pooler.
//!
//! There a statement cannot stay prepared, because the next one may run on another connection of the server. So each is
//! sent whole, in one round, without a name; its parameters are encoded before the server sees the text, and their types
//! must be known by then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// Texts that are remembered; past that all of them are asked for anew.
const TEXTS: usize = 4_096;

type Slot = Arc<OnceCell<Arc<[Type]>>>;

/// The types that the parameters of each text have, for all connections of one database.
#[derive(Debug, Default)]
pub(super) struct Types(Mutex<HashMap<Box<str>, Slot>>);

impl Types {
    pub(super) fn known(&self, text: &str) -> Option<Arc<[Type]>> {
        self.lock().get(text).and_then(|slot| slot.get().cloned())
    }

    /// Asks the server. Whoever calls has a transaction open: until its end the pooler leaves the connection to us, and
    /// the name that asking takes is given back within it.
    pub(super) async fn ask(&self, client: &Client, text: &str) -> Result<Arc<[Type]>, Error> {
        let types: Arc<[Type]> = client.prepare(text).await?.params().into();
        // Somebody else may have been faster, with the same answer.
        drop(self.slot(text).set(Arc::clone(&types)));
        Ok(types)
    }

    /// Runs `ask` once for all who want to know at the same time.
    pub(super) async fn learn<E>(
        &self,
        text: &str,
        ask: impl Future<Output = Result<Arc<[Type]>, E>>,
    ) -> Result<(), E> {
        self.slot(text).get_or_try_init(|| ask).await.map(drop)
    }

    fn slot(&self, text: &str) -> Slot {
        let mut known = self.lock();
        if let Some(slot) = known.get(text) {
            return Arc::clone(slot);
        }
        if known.len() >= TEXTS {
            known.clear();
        }
        Arc::clone(known.entry(text.into()).or_default())
    }

    /// Drops what is known of a text, so that it is asked for anew.
    pub(super) fn forget(&self, text: &str) {
        self.lock().remove(text);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Slot>> {
        self.0.lock().expect("no holder of this lock can panic")
    }
}
