//! One row, the boards, the stream, and the writer's word that it is done.

use std::sync::Arc;

use brisk_core::TenantId;
use brisk_db::{Captured, Cell, Cells, Change, Commit, Event, Reached, Ticket, What, Wrote};

use crate::board::{Boards, Tag, Version};
use crate::fault::{Fault, Planted};
use crate::sync::{AtomicU64, Ordering, StreamWatch};

const TENANT: TenantId = TenantId(1);

/// Everything that threads share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) boards: Boards,
    watch: StreamWatch,
    /// The row in the database, as its latest version.
    row: AtomicU64,
    /// The version that the stream has told.
    told: AtomicU64,
    /// The version whose writer has its answer.
    done: AtomicU64,
}

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    version: Version,
    pub(crate) tags: Vec<Tag>,
    value: u64,
}

/// How an entry depends on the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Row,
    Tenant,
    Table,
}

/// When a load takes the version that it counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    First,
    /// Wrong.
    Last,
}

impl Kept {
    /// Whether it has read this version, or a later one.
    pub(crate) const fn is_of(&self, version: u64) -> bool {
        self.value >= version
    }
}

/// The place that includes the commits up to this version of the row, found by nobody's look.
fn place(version: u64) -> Reached {
    let next = version + 1;
    Reached {
        position: format!("p:{next}:{next}:").parse().unwrap(),
        origin: 1,
        look: Ticket::from_raw(0),
    }
}

fn captured() -> Captured {
    Captured {
        table: "things".into(),
        tenant: Some("tenant_id".into()),
        key: vec!["id".into()],
        columns: Vec::new(),
    }
}

impl World {
    pub(crate) fn new(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self {
            boards: Boards::new(Planted(fault)),
            watch: StreamWatch::default(),
            row: AtomicU64::new(0),
            told: AtomicU64::new(0),
            done: AtomicU64::new(0),
        })
    }

    /// A read of the database, which answers the latest version whoever asks.
    fn read(&self) -> u64 {
        self.row.fetch_add(0, Ordering::AcqRel)
    }

    fn commit(&self) -> u64 {
        self.row.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// What a statement says of itself before it is sent.
    pub(crate) fn tag(&self, by: By) -> Tag {
        let board = self.boards.of(&captured());
        let tenant = board.tenant(TENANT);
        match by {
            By::Table => Tag::Table(board),
            By::Tenant => Tag::Tenant(board, tenant),
            By::Row => {
                let set = board.set(&["id".into()]).unwrap();
                let place = set.place_of(Some(TENANT), &[Cell::Int(1)]);
                Tag::Rows(board, tenant, set, place)
            }
        }
    }

    /// A load, from its beginning to the entry that it leaves.
    pub(crate) fn load(&self, by: By, takes: Takes) -> Kept {
        let first = self.boards.version();
        let tags = vec![self.tag(by)];
        let value = self.read();
        let version = match takes {
            Takes::First => first,
            Takes::Last => self.boards.version(),
        };
        Kept {
            version,
            tags,
            value,
        }
    }

    /// A load that has said nothing yet of what it depends on.
    pub(crate) fn begin(&self) -> Kept {
        Kept {
            version: self.boards.version(),
            tags: Vec::new(),
            value: 0,
        }
    }

    /// It reads.
    pub(crate) fn end(&self, load: Kept) -> Kept {
        Kept {
            value: self.read(),
            ..load
        }
    }

    /// What a get must find that begins now.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    /// A get that finds an entry: whatever is done by now must be in it.
    pub(crate) fn get(&self, kept: &Kept) {
        let done = self.done();
        if self.holds(kept) {
            assert!(kept.is_of(done), "stale: {} of {done}", kept.value);
        }
    }

    pub(crate) fn holds(&self, kept: &Kept) -> bool {
        let holds = |tag: &Tag| tag.holds(kept.version, &self.watch);
        kept.tags.iter().all(holds)
    }

    /// A commit whose exact changes are told before its writer is answered.
    pub(crate) fn commit_told_at_once(&self) {
        let version = self.commit();
        self.tell();
        self.done.store(version, Ordering::Release);
    }

    /// A commit of which the stream tells later.
    pub(crate) fn commit_told_later(&self) {
        let version = self.commit();
        self.boards.hear(&Event::Wrote(Arc::new(Wrote {
            tables: Some(["things".into()].into()),
            tenant: TENANT,
            ticket: self.watch.next_look(),
        })));
        self.done.store(version, Ordering::Release);
    }

    /// A look of the stream at the database.
    pub(crate) fn look(&self) {
        self.look_at_place();
    }

    /// The same, and up to which place everything has been told.
    pub(crate) fn look_and_reach(&self) {
        let reached = self.look_at_place();
        self.boards.hear(&Event::Reached(Arc::new(reached)));
    }

    fn look_at_place(&self) -> Reached {
        let look = self.watch.look();
        let seen = self.read();
        if self.told.load(Ordering::Relaxed) < seen {
            self.tell();
            self.told.store(seen, Ordering::Relaxed);
        }
        self.watch.looked(look);
        Reached {
            look,
            ..place(seen)
        }
    }

    /// An entry that another node has loaded when the row was of this version; none where it may not count here.
    pub(crate) fn adopt(&self, value: u64, by: By, takes: Takes) -> Option<Kept> {
        let version = || self.boards.timeline.version_of(&place(value));
        let (version, tags) = match takes {
            Takes::First => (version()?, vec![self.tag(by)]),
            Takes::Last => {
                let tags = vec![self.tag(by)];
                (version()?, tags)
            }
        };
        Some(Kept {
            version,
            tags,
            value,
        })
    }

    /// A change of which nothing was told, and then a reset.
    pub(crate) fn commit_and_reset(&self) {
        let version = self.commit();
        self.boards.forget();
        self.done.store(version, Ordering::Release);
    }

    fn tell(&self) {
        self.boards
            .hear(&Event::Committed(Arc::new(Commit::of(vec![Change {
                table: "things".into(),
                tenant: Some(TENANT),
                what: What::Row {
                    key: Cells::of([("id", Cell::Int(1))]),
                    old: Some(Cells::default()),
                    new: Some(Cells::default()),
                },
            }]))));
    }
}
