//! This crate's own cache as a subject: its real loads, boards and entries, over a change stream that the suite moves.

use std::sync::{Arc, Mutex};

use brisk_core::{Scope, TenantId};
use brisk_db::{
    Captured, Cell, Cells, Change, Db, Error, Read, ReadText, Session, SimulatedStream, Value, What,
};

use super::load::Load;
use super::truth::Answer;
use super::{News, Subject};
use crate::cache::Cache;
use crate::caches::Caches;
use crate::fault::Planted;
use crate::policy::Policy;

/// When exact changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Before the writer goes on, as on SQLite.
    AtOnce,
    /// Later; before the writer goes on only that it wrote, as on PostgreSQL.
    Later,
}

/// What entries depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depends {
    /// Their row.
    Row,
    /// All rows of the tenant.
    Tenant,
    /// The whole table.
    Table,
    /// Another entry, which depends on its row.
    Entry,
}

/// This crate's cache.
#[derive(Debug)]
pub struct Brisk {
    told: Told,
    depends: Depends,
    stream: SimulatedStream,
    caches: Caches,
    inner: Cache<u64, Answer>,
    outer: Cache<u64, Answer>,
    session: Session,
    table: Arc<str>,
    /// Changes of own commits that are yet to be told.
    owed: Mutex<Vec<Change>>,
    flushes: Mutex<u8>,
}

const NAME: &str = "conformance";
const TENANT: TenantId = TenantId(1);
const ROW: &str = "SELECT n FROM things WHERE tenant_id = $1 AND id = $2";
const ROWS: &str = "SELECT n FROM things WHERE tenant_id = $1 AND n > $2";
const ALL: &str = "SELECT count(*) FROM things WHERE n > $1";

impl Brisk {
    /// Over a database that is not asked anything: its sessions are what loads are given.
    pub fn over(db: &Db, told: Told, depends: Depends) -> Self {
        Self::with(db, told, depends, Planted::default())
    }

    /// The same with a fault.
    #[cfg(feature = "mutations")]
    #[doc(hidden)]
    pub fn with_fault(db: &Db, told: Told, depends: Depends, fault: crate::fault::Fault) -> Self {
        Self::with(db, told, depends, Planted(Some(fault)))
    }

    fn with(db: &Db, told: Told, depends: Depends, planted: Planted) -> Self {
        let table: Arc<str> = "things".into();
        let stream = SimulatedStream::of(vec![Captured {
            table: Arc::clone(&table),
            tenant: Some("tenant_id".into()),
            key: vec!["id".into()],
            columns: Vec::new(),
        }]);
        let caches = Caches::following(&stream.watch(), planted, None);
        Self {
            told,
            depends,
            inner: caches.cache(NAME, Policy::rows()).build(),
            outer: caches.cache(NAME, Policy::rows()).build(),
            stream,
            caches,
            session: db.session(Scope::system(TENANT, NAME)),
            table,
            owed: Mutex::default(),
            flushes: Mutex::default(),
        }
    }

    async fn ask(&self, session: &Session, key: u64, load: Load) -> Result<Answer, Error> {
        let depends = self.depends;
        let asked = match depends {
            Depends::Entry => {
                let inner = self.inner.clone();
                let outer = async move |session: Session| {
                    let load =
                        async move |session: Session| read(&session, depends, key, &load).await;
                    let found = inner.get(&session, &key, load).await;
                    found.map(|found| *found)
                };
                self.outer.get(session, &key, outer).await
            }
            Depends::Row | Depends::Tenant | Depends::Table => {
                let load = async move |session: Session| read(&session, depends, key, &load).await;
                self.inner.get(session, &key, load).await
            }
        };
        Ok(*asked.expect("the load of a test cannot fail"))
    }

    fn change(&self, key: u64) -> Change {
        let id = Cell::Int(i64::try_from(key).expect("keys are few"));
        Change {
            table: Arc::clone(&self.table),
            tenant: Some(TENANT),
            what: What::Row {
                key: Cells::of([("id", id)]),
                old: Some(Cells::default()),
                new: Some(Cells::default()),
            },
        }
    }
}

/// Reads as a statement does: what it depends on is told before it is sent.
async fn read(session: &Session, depends: Depends, key: u64, load: &Load) -> Result<Answer, Error> {
    let id = Value::Int(i64::try_from(key).expect("keys are few"));
    let (text, values) = match depends {
        Depends::Row | Depends::Entry => (ROW, vec![Value::Int(TENANT.0), id]),
        Depends::Tenant => (ROWS, vec![Value::Int(TENANT.0), id]),
        Depends::Table => (ALL, vec![id]),
    };
    if let Some(footprint) = session.footprint() {
        footprint.reads(&Read {
            statement: NAME,
            tenant: TENANT,
            text: ReadText::Declared(text),
            values: &values,
        });
    }
    Ok(load.run().await)
}

impl Subject for Brisk {
    fn name(&self) -> String {
        format!(
            "brisk-cache, told {}, by {}",
            match self.told {
                Told::AtOnce => "at once",
                Told::Later => "later",
            },
            match self.depends {
                Depends::Row => "row",
                Depends::Tenant => "tenant",
                Depends::Table => "table",
                Depends::Entry => "another entry",
            }
        )
    }

    async fn get(&self, key: u64, load: Load) -> Answer {
        let asked = self.ask(&self.session, key, load).await;
        asked.expect("the load of a test cannot fail")
    }

    async fn get_inside(&self, key: u64, load: Load) -> Answer {
        // A real one, for the cache looks whether there is one; it reads nothing.
        let work = |session: Session| {
            let load = load.clone();
            async move { self.ask(&session, key, load).await }
        };
        let asked = self.session.read_only(work).await;
        asked.expect("a transaction without statements cannot fail")
    }

    fn shares_inside(&self) -> bool {
        false
    }

    async fn hear(&self, news: News) {
        let owed = || self.owed.lock().expect("no holder of this lock can panic");
        match news {
            News::Changed(keys) => {
                let changes = keys.into_iter().map(|key| self.change(key));
                match self.told {
                    Told::AtOnce => self.stream.commit(changes.collect()),
                    Told::Later => {
                        owed().extend(changes);
                        self.stream.wrote(&[Arc::clone(&self.table)], TENANT);
                    }
                }
            }
            News::CaughtUp => {
                let look = self.stream.look();
                self.stream.commit(std::mem::take(&mut *owed()));
                self.stream.looked(look);
            }
            News::Flush => {
                let mut flushes = self
                    .flushes
                    .lock()
                    .expect("no holder of this lock can panic");
                *flushes = flushes.wrapping_add(1);
                match *flushes % 3 {
                    0 => self.stream.reset(),
                    1 => self.caches.evict_table(&self.table, None),
                    _ => drop(self.caches.evict(NAME, None)),
                }
            }
            News::Cut => self.stream.lose(),
            News::Linked => self.stream.trust(),
        }
    }
}
