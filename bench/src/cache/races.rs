//! Forced races: a load has read and is held, the data changes, the cache is told as its users tell it, the load ends;
//! then the cache is asked again, and what it answers is compared with the database.
//!
//! Ours is told by nobody: the commit is a real one. Counts are sums over all races, because one is too many.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use brisk_db::{AsDbError, Session};
use brisk_testkit::servers::Redis;

use super::contenders::{Contender, Gate, Load, contenders, ours};
use super::table::{ADD, Books, N, REMOVE, ROWS, SET, TENANT};
use crate::engine::Places;
use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::{Size, float};

const PART: &str = "races";

/// A cache whose invalidation waits for the load is told again once the load has ended.
const TELLING: Duration = Duration::from_millis(100);

/// The bound after which what another program has written must be seen, with room for a busy machine.
const BOUND: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Update,
    Delete,
    Insert,
    Flush,
    Undo,
    Foreign,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Update,
        Self::Delete,
        Self::Insert,
        Self::Flush,
        Self::Undo,
        Self::Foreign,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Update => "a load against an update",
            Self::Delete => "a load against a delete",
            Self::Insert => "a load of nothing against an insert",
            Self::Flush => "a load against a flush after a change",
            Self::Undo => "a read in a transaction that is undone",
            Self::Foreign => "a load against another program's update",
        }
    }

    const fn races(self, size: Size) -> u64 {
        match (self, size) {
            // Each waits for the bound.
            (Self::Foreign, Size::Quick) => 4,
            (Self::Foreign, _) | (_, Size::Quick) => 20,
            (_, Size::Normal) => 200,
            (_, Size::Long) => 300,
        }
    }
}

pub(super) async fn measure(
    report: &mut Report,
    places: &Places,
    redis: &Redis,
    size: Size,
) -> Result<()> {
    for place in places.both("races")? {
        let engine = place.engine();
        Report::part(&format!("{engine}: forced races"));
        let books = Books::open(place).await?;
        // What rivals do does not depend on the engine.
        let all = match engine {
            "SQLite" => contenders(&books, redis).await?,
            _ => vec![ours(&books)],
        };
        // No race takes a row that another one has changed.
        let mut ids = 1..;
        for kind in Kind::ALL {
            let races = kind.races(size);
            let mut stale = vec![0_u64; all.len()];
            for _ in 0..races {
                for (contender, stale) in all.iter().zip(&mut stale) {
                    let Some(id) = ids.next() else { break };
                    *stale += u64::from(is_stale(&books, contender, kind, id).await?);
                }
            }
            let [of_ours, of_rivals @ ..] = &stale[..] else {
                bail!("nobody races");
            };
            let figure = [float(*of_ours)];
            let what = format!("{engine}: {}, stale of {races}", kind.title());
            let row = || Row::new(PART, what.clone(), Unit::Count, &figure);
            report.row(row().goal(Goal::AtMost(0.0)));
            for (rival, theirs) in all[1..].iter().zip(of_rivals) {
                report.row(row().beside(rival.name(), &figure, &[float(*theirs)]));
            }
        }
        books.db.close().await;
    }
    Ok(())
}

/// Races once; answers whether the cache tells something else than the database afterwards.
async fn is_stale(
    books: &Books,
    contender: &Arc<dyn Contender>,
    kind: Kind,
    id: u64,
) -> Result<bool> {
    let session = books.session();
    // Rows that are inserted lie past all others.
    let id = i64::try_from(if kind == Kind::Insert { ROWS + id } else { id })?;
    if kind == Kind::Undo {
        undo(&session, contender, id).await?;
    } else {
        overtake(books, &session, contender, kind, id).await?;
    }
    let kept = contender.get(&session, Load::of(id)).await?;
    Ok(kept != session.run(&N, (TENANT, id)).await?)
}

/// A load reads, the data changes, the load ends.
async fn overtake(
    books: &Books,
    session: &Session,
    contender: &Arc<dyn Contender>,
    kind: Kind,
    id: i64,
) -> Result<()> {
    let gate = Gate::new();
    let slow = {
        let (contender, session) = (Arc::clone(contender), session.clone());
        let load = Load::of(id).halting(&gate);
        tokio::spawn(async move { contender.get(&session, load).await })
    };
    gate.is_read().await?;
    let changed = match kind {
        Kind::Update | Kind::Flush => session.run(&SET, (TENANT, id, 2)).await?,
        Kind::Delete => session.run(&REMOVE, (TENANT, id)).await?,
        Kind::Insert => session.run(&ADD, (TENANT, id)).await?,
        Kind::Foreign => {
            let sql = format!("UPDATE bench_books SET n = 2 WHERE tenant_id = 1 AND id = {id}");
            tokio::task::block_in_place(|| books.place.run(&[&sql]))?;
            1
        }
        Kind::Undo => bail!("nothing overtakes a load in a transaction"),
    };
    if changed != 1 {
        bail!("{changed} rows changed where one was to change");
    }
    let mut telling = {
        let contender = Arc::clone(contender);
        tokio::spawn(async move {
            match kind {
                Kind::Flush => contender.flush().await,
                // It knows of no cache.
                Kind::Foreign => Ok(()),
                _ => contender.invalidate(id).await,
            }
        })
    };
    let told = tokio::time::timeout(TELLING, &mut telling).await;
    gate.open();
    match told {
        Ok(told) => told??,
        Err(_) => telling.await??,
    }
    slow.await??;
    if kind == Kind::Foreign {
        tokio::time::sleep(BOUND).await;
    }
    Ok(())
}

/// A transaction writes, tells the cache, reads what it wrote through the cache, and is undone.
async fn undo(session: &Session, contender: &Arc<dyn Contender>, id: i64) -> Result<()> {
    let undone: Result<(), Undone> = session
        .transaction(|within| async move {
            within.run(&SET, (TENANT, id, 2)).await?;
            contender.invalidate(id).await.map_err(Undone::Cache)?;
            let seen = contender.get(&within, Load::of(id)).await;
            match seen.map_err(Undone::Cache)? {
                Some(2) => Err(Undone::AsMeant),
                seen => Err(Undone::Cache(anyhow::anyhow!(
                    "the transaction does not see what it wrote but {seen:?}"
                ))),
            }
        })
        .await;
    match undone {
        Err(Undone::AsMeant) => Ok(()),
        Err(Undone::Db(error)) => Err(error.into()),
        Err(Undone::Cache(error)) => Err(error),
        Ok(()) => bail!("the transaction was not undone"),
    }
}

/// Why the transaction was undone.
#[derive(Debug)]
enum Undone {
    AsMeant,
    Db(brisk_db::Error),
    Cache(anyhow::Error),
}

impl From<brisk_db::Error> for Undone {
    fn from(error: brisk_db::Error) -> Self {
        Self::Db(error)
    }
}

impl AsDbError for Undone {
    fn as_db_error(&self) -> Option<&brisk_db::Error> {
        match self {
            Self::Db(error) => Some(error),
            Self::AsMeant | Self::Cache(_) => None,
        }
    }
}
