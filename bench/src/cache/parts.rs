//! A table of a million rows that is counted, and what its numbers must be.

use anyhow::Result;
use brisk_cache::Totals;
use brisk_core::TenantId;
use brisk_db::{Affected, Db, DbConfig, MigrationSet, One, Session, Value, statements};
use fastrand::Rng;

use super::table::follow;
use crate::engine::Place;
use crate::rounds::Size;

pub(super) const KINDS: usize = 8;
pub(super) const STATUSES: usize = 4;

/// Most rows are the first tenant's; each of the others has [`FEW`].
pub(super) const TENANTS: i64 = 8;

const FEW: usize = 1_000;

const TABLES: MigrationSet = MigrationSet {
    name: "bench",
    history: "brisk_migrations_bench",
    postgres: &[(
        "V1__parts",
        "CREATE TABLE bench_parts (tenant_id bigint NOT NULL, id bigint NOT NULL, kind text NOT NULL, status text NOT NULL,
           size bigint NOT NULL, PRIMARY KEY (tenant_id, id));
         CREATE INDEX bench_parts_counted ON bench_parts (tenant_id, kind, status);
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('bench_parts', 'tenant_id', 'id', 'kind, status, size');",
    )],
    sqlite: &[(
        "V1__parts",
        "CREATE TABLE bench_parts (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
           size INTEGER NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE INDEX bench_parts_counted ON bench_parts (tenant_id, kind, status);
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('bench_parts', 'tenant_id', 'id', 'kind, status, size');",
    )],
};

pub(super) const TOTALS: Totals = Totals {
    name: "bench.part.totals",
    table: "bench_parts",
    by: &["kind", "status"],
    sums: &["size"],
};

statements! {
    prefix "bench.part";

    /// What live totals replace; its index has all that it needs.
    pub(super) COUNT(tenant: TenantId, kind: String, status: String) -> One<i64>
        = "SELECT count(*) FROM bench_parts WHERE tenant_id = $1 AND kind = $2 AND status = $3";

    /// The sum of its sizes, for comparison.
    SUM(tenant: TenantId, kind: String, status: String) -> One<i64>
        = "SELECT CAST(coalesce(sum(size), 0) AS bigint) FROM bench_parts
            WHERE tenant_id = $1 AND kind = $2 AND status = $3";

    /// Another status for a row.
    pub(super) MOVE(tenant: TenantId, id: i64, status: String) -> Affected
        = "UPDATE bench_parts SET status = $3 WHERE tenant_id = $1 AND id = $2";

    ADD(tenant: TenantId, id: i64, kind: String, status: String, size: i64) -> Affected
        = "INSERT INTO bench_parts (tenant_id, id, kind, status, size) VALUES ($1, $2, $3, $4, $5)";

    REMOVE(tenant: TenantId, id: i64) -> Affected = "DELETE FROM bench_parts WHERE tenant_id = $1 AND id = $2";
}

pub(super) fn kind(n: usize) -> String {
    format!("kind-{n}")
}

pub(super) fn status(n: usize) -> String {
    format!("status-{n}")
}

/// Rows of the first tenant.
pub(super) const fn rows(size: Size) -> usize {
    match size {
        Size::Quick => 100_000,
        Size::Normal | Size::Long => 1_000_000,
    }
}

/// Makes and fills the table, and follows its changes.
pub(super) async fn open(place: &Place, size: Size) -> Result<Db> {
    let db = Db::open(DbConfig::new(place.url())).await?;
    db.migrate(&[TABLES]).await?;
    for (from, to, rows) in [(1, 1, rows(size)), (2, TENANTS, FEW)] {
        let made = "'kind-' || (i % 8), 'status-' || (i / 8 % 4), i % 1000";
        let sql = match place {
            Place::Postgres(_) => format!(
                "INSERT INTO bench_parts SELECT t, i, {made}
                 FROM generate_series({from}, {to}) t, generate_series(0, {rows} - 1) i"
            ),
            Place::Sqlite(_) => format!(
                "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < {rows} - 1),
                   o(t) AS (SELECT {from} UNION ALL SELECT t + 1 FROM o WHERE t < {to})
                 INSERT INTO bench_parts SELECT t, i, {made} FROM o, s"
            ),
        };
        tokio::task::block_in_place(|| place.run(&[&sql]))?;
    }
    let analyze = match place {
        Place::Postgres(_) => "VACUUM (ANALYZE) bench_parts",
        Place::Sqlite(_) => "ANALYZE",
    };
    tokio::task::block_in_place(|| place.run(&[analyze]))?;
    follow(&db).await?;
    Ok(db)
}

/// What a filter names; none is any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) kind: Option<usize>,
    pub(super) status: Option<usize>,
}

impl Filter {
    pub(super) fn any(rng: &mut Rng) -> Self {
        Self {
            kind: rng.bool().then(|| rng.usize(..KINDS)),
            status: rng.bool().then(|| rng.usize(..STATUSES)),
        }
    }

    pub(super) fn values(self) -> Vec<(&'static str, Value)> {
        let kind = self.kind.map(|n| ("kind", Value::Text(kind(n).into())));
        let status = self
            .status
            .map(|n| ("status", Value::Text(status(n).into())));
        kind.into_iter().chain(status).collect()
    }
}

/// A count and a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) count: i64,
    pub(super) sum: i64,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    kind: usize,
    status: usize,
    size: i64,
}

/// One tenant's rows, changed by one writer, who knows what is there.
pub(super) struct Model {
    tenant: TenantId,
    rows: Vec<Option<Part>>,
    groups: [[Numbers; STATUSES]; KINDS],
    rng: Rng,
}

impl Model {
    /// As the table is filled.
    pub(super) fn of(tenant: i64, size: Size) -> Self {
        let count = if tenant == 1 { rows(size) } else { FEW };
        let mut model = Self {
            tenant: TenantId(tenant),
            rows: Vec::with_capacity(count),
            groups: [[Numbers::default(); STATUSES]; KINDS],
            rng: Rng::with_seed(tenant.unsigned_abs()),
        };
        for i in 0..count {
            model.push(Part {
                kind: i % KINDS,
                status: i / KINDS % STATUSES,
                size: i64::try_from(i % 1_000).unwrap_or_default(),
            });
        }
        model
    }

    fn push(&mut self, part: Part) {
        self.add(part, 1);
        self.rows.push(Some(part));
    }

    fn add(&mut self, part: Part, sign: i64) {
        let numbers = &mut self.groups[part.kind][part.status];
        numbers.count += sign;
        numbers.sum += sign * part.size;
    }

    /// Changes a row in the database, then here.
    pub(super) async fn change(&mut self, session: &Session) -> Result<()> {
        let at = self.rng.usize(..self.rows.len());
        let id = i64::try_from(at)?;
        let changed = match (self.rows[at], self.rng.u8(..10)) {
            (Some(part), 0) => {
                self.add(part, -1);
                self.rows[at] = None;
                session.run(&REMOVE, (self.tenant, id)).await?
            }
            (Some(part), 1..9) => {
                let moved = Part {
                    status: self.rng.usize(..STATUSES),
                    ..part
                };
                self.add(part, -1);
                self.add(moved, 1);
                self.rows[at] = Some(moved);
                let params = (self.tenant, id, status(moved.status));
                session.run(&MOVE, params).await?
            }
            _ => {
                let part = Part {
                    kind: self.rng.usize(..KINDS),
                    status: self.rng.usize(..STATUSES),
                    size: self.rng.i64(0..1_000_000),
                };
                let id = i64::try_from(self.rows.len())?;
                self.push(part);
                let (kind, status) = (kind(part.kind), status(part.status));
                let params = (self.tenant, id, kind, status, part.size);
                session.run(&ADD, params).await?
            }
        };
        anyhow::ensure!(changed == 1, "{changed} rows changed");
        Ok(())
    }

    pub(super) fn filter(&mut self) -> Filter {
        Filter::any(&mut self.rng)
    }

    pub(super) fn expected(&self, filter: Filter) -> Numbers {
        let mut total = Numbers::default();
        for (kind, statuses) in self.groups.iter().enumerate() {
            for (status, numbers) in statuses.iter().enumerate() {
                if filter.kind.is_none_or(|k| k == kind)
                    && filter.status.is_none_or(|s| s == status)
                {
                    total.count += numbers.count;
                    total.sum += numbers.sum;
                }
            }
        }
        total
    }

    /// Whether a statement counts what this says, for one group.
    pub(super) async fn is_right(&mut self, session: &Session) -> Result<bool> {
        let (of, at) = (self.rng.usize(..KINDS), self.rng.usize(..STATUSES));
        let numbers = Numbers {
            count: session
                .run(&COUNT, (self.tenant, kind(of), status(at)))
                .await?,
            sum: session
                .run(&SUM, (self.tenant, kind(of), status(at)))
                .await?,
        };
        Ok(numbers == self.groups[of][at])
    }
}
