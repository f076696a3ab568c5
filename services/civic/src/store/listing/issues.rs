//! Lists of issues.

use std::collections::BTreeSet;

use brisk_db::sea_query::{
    Expr, ExprTrait, Func, JoinType, LikeExpr, Order as SqlOrder, Query, SelectStatement,
};
use brisk_db::{Count, FromRow, Page, Paging, Session, System, Total};
use jiff::Timestamp;

use super::filter::{IssueFilter, IssueSort, Order};
use crate::ids::IssueId;
use crate::model::workflow::Status;
use crate::model::{Category, Severity};

/// What a list shows of an issue.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct IssueLine {
    pub(crate) id: IssueId,
    pub(crate) area_id: Option<i64>,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) title: String,
    pub(crate) summary: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) report_count: i64,
    pub(crate) reporter_count: i64,
    /// The stored rank.
    pub(crate) priority: f64,
    pub(crate) assignee: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) merged_into_id: Option<IssueId>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_report_at: Timestamp,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
    pub(crate) resolve_due_at: Option<Timestamp>,
    pub(crate) breached_at: Option<Timestamp>,
}

/// One issue on a map.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct MapPoint {
    pub(crate) id: IssueId,
    pub(crate) category: Category,
    pub(crate) severity: Severity,
    pub(crate) status: Status,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// Issues of one square of a map.
#[derive(Clone, Copy, Debug, PartialEq, FromRow)]
pub(crate) struct MapCluster {
    pub(crate) n: i64,
    pub(crate) lat: f64,
    pub(crate) lon: f64,
}

/// Columns that come from the clock; all others are the issue's own.
const CLOCK_COLUMNS: [&str; 2] = ["resolve_due_at", "breached_at"];

/// The predicate of the index on ranks, word for word.
const ACTIVE: &str = "i.status <> 'closed' AND i.status <> 'resolved'";

/// What an issue without a promise is sorted by where due times count: the last day that both engines and JSON hold.
const NEVER: Timestamp = Timestamp::constant(253_402_000_000, 0);

fn issue(column: &'static str) -> Expr {
    Expr::col(("i", column))
}

fn clock(column: &'static str) -> Expr {
    Expr::col(("s", column))
}

/// Whether the promise is overdue at `now`: while the clock stands, whether it was when it stopped.
fn overdue(now: Timestamp) -> Expr {
    let until = Func::coalesce([clock("paused_since"), Expr::val(now)]);
    Expr::cust("s.state <> 'done'")
        .and(clock("excluded").eq(false))
        .and(clock("resolve_due_at").lte(until))
}

/// A pattern for texts that begin with `q`, in small letters.
pub(super) fn begins_with(q: &str) -> LikeExpr {
    let mut pattern = String::with_capacity(q.len() + 1);
    for c in q.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('!')
}

/// The name of pages and of first rows alike.
const PAGE: &str = "civic.listing.issues";

/// Lists of issues; each query filters by the session's tenant.
pub(crate) struct IssueLists<'a>(pub(crate) &'a Session);

impl IssueLists<'_> {
    pub(crate) async fn page(
        &self,
        (sort, order): (IssueSort, Order),
        asked: Paging<'_, IssueFilter>,
        now: Timestamp,
    ) -> Result<Page<IssueLine>, brisk_db::Error> {
        let query = self.lines(asked.filter, sort, now);
        self.0.page(PAGE, query, &sorted(sort, order), asked).await
    }

    /// The first of a list, for views without pages.
    pub(crate) async fn first(
        &self,
        filter: &IssueFilter,
        (sort, order): (IssueSort, Order),
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<IssueLine>, brisk_db::Error> {
        let query = self.lines(filter, sort, now);
        self.0.first(PAGE, query, &sorted(sort, order), limit).await
    }

    /// How many the filter has, from the counters where they know.
    pub(crate) async fn count(
        &self,
        filter: &IssueFilter,
        count: Count,
        now: Timestamp,
    ) -> Result<Total, brisk_db::Error> {
        if count != Count::Skip && filter.is_coverable() {
            let rows: Vec<i64> = self
                .0
                .select("civic.listing.issues_counter", &self.counters(filter))
                .await?;
            let n = rows.first().copied().unwrap_or_default();
            return Ok(Total::Exact(u64::try_from(n).unwrap_or_default()));
        }
        let mut rows = self.narrowed(filter, now);
        rows.expr(Expr::cust("1"));
        self.0
            .count("civic.listing.issues_count", rows, count)
            .await
    }

    /// At most `limit` points in view, the newest first.
    pub(crate) async fn points(
        &self,
        filter: &IssueFilter,
        limit: u64,
        now: Timestamp,
    ) -> Result<Vec<MapPoint>, brisk_db::Error> {
        let mut query = self.narrowed(filter, now);
        for column in MapPoint::COLUMNS {
            query.column(("i", *column));
        }
        query
            .and_where(issue("lat").is_not_null())
            .and_where(issue("lon").is_not_null())
            .order_by_expr(issue("created_at"), SqlOrder::Desc)
            .order_by_expr(issue("id"), SqlOrder::Desc)
            .limit(limit);
        self.0.select("civic.listing.map_points", &query).await
    }

    /// The same issues gathered into squares of `cells` by `cells` cells of the grid.
    pub(crate) async fn clusters(
        &self,
        filter: &IssueFilter,
        cells: i64,
        now: Timestamp,
    ) -> Result<Vec<MapCluster>, brisk_db::Error> {
        // 144,000 columns of the grid make a row; `cells` is ours, so it may stand in the text.
        let row = Expr::cust(format!("i.grid_cell / 144000 / {cells}"));
        let column = Expr::cust(format!("i.grid_cell % 144000 / {cells}"));
        let mut query = self.narrowed(filter, now);
        query
            .expr(Expr::cust("count(*)"))
            .expr(Expr::cust("avg(i.lat)"))
            .expr(Expr::cust("avg(i.lon)"))
            .and_where(issue("grid_cell").is_not_null())
            .add_group_by([row, column]);
        self.0.select("civic.listing.map_clusters", &query).await
    }

    fn counters(&self, filter: &IssueFilter) -> SelectStatement {
        let column = |name: &'static str| Expr::col(name);
        let mut query = Query::select();
        query
            .expr(Expr::cust("CAST(coalesce(sum(n), 0) AS bigint)"))
            .from("civic_tenant_counters")
            .and_where(column("tenant_id").eq(self.0.tenant().get()))
            .and_where_option(filter.area_id.map(|id| column("area_id").eq(id)))
            .and_where_option(filter.category.map(|c| column("category").eq(c.as_str())))
            .and_where_option(filter.severity.map(|s| column("severity").eq(s.as_str())));
        if !filter.statuses.is_empty() {
            let words = filter.statuses.iter().map(|s| s.as_str());
            query.and_where(column("status").is_in(words));
        }
        query
    }

    /// Adds what SQLite needs to recognise the index on ranks: it compares words and concludes nothing. PostgreSQL
    /// concludes it from the status, and would take the rows for much rarer if it were told twice.
    fn name_the_rank(&self, filter: &IssueFilter, query: &mut SelectStatement) {
        let active = !filter.statuses.is_empty() && filter.statuses.iter().all(|s| s.is_active());
        if active && self.0.db().system() == System::Sqlite {
            query.and_where(Expr::cust(ACTIVE));
        }
    }

    fn lines(&self, filter: &IssueFilter, sort: IssueSort, now: Timestamp) -> SelectStatement {
        let mut query = self.narrowed(filter, now);
        if sort == IssueSort::Priority {
            self.name_the_rank(filter, &mut query);
        }
        for column in IssueLine::COLUMNS {
            if CLOCK_COLUMNS.contains(column) {
                query.column(("s", *column));
            } else {
                query.column(("i", *column));
            }
        }
        query
    }

    fn narrowed(&self, filter: &IssueFilter, now: Timestamp) -> SelectStatement {
        let mut query = Query::select();
        query
            .from_as("civic_issues", "i")
            .join_as(
                JoinType::LeftJoin,
                "civic_sla_metrics",
                "s",
                // The tenant too, so that a list of all its issues needs no look at the clocks of others.
                clock("issue_id")
                    .equals(("i", "id"))
                    .and(clock("tenant_id").equals(("i", "tenant_id"))),
            )
            .and_where(issue("tenant_id").eq(self.0.tenant().get()));
        // The words are ours, so they may stand in the text: the planner then knows how rare they are. In one order and
        // once, so that there are few texts.
        let words: BTreeSet<_> = filter.statuses.iter().map(|s| s.as_str()).collect();
        if !words.is_empty() {
            let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            query.and_where(Expr::cust(match words.as_slice() {
                [one] => format!("i.status = {one}"),
                many => format!("i.status IN ({})", many.join(", ")),
            }));
        }
        query
            .and_where_option(filter.category.map(|c| issue("category").eq(c.as_str())))
            .and_where_option(filter.severity.map(|s| issue("severity").eq(s.as_str())))
            .and_where_option(filter.area_id.map(|id| issue("area_id").eq(id)))
            .and_where_option(filter.assignee.clone().map(|a| issue("assignee").eq(a)))
            .and_where_option(filter.sensitive.map(|s| issue("sensitive").eq(s)))
            .and_where_option(filter.created_after.map(|t| issue("created_at").gte(t)))
            .and_where_option(filter.created_before.map(|t| issue("created_at").lt(t)))
            .and_where_option(filter.updated_after.map(|t| issue("updated_at").gt(t)))
            .and_where_option(filter.shown_until.map(|t| issue("created_at").lte(t)));
        if filter.public {
            query
                .and_where(issue("public").eq(true))
                .and_where(issue("merged_into_id").is_null());
        }
        match filter.overdue {
            Some(true) => {
                query.and_where(overdue(now));
            }
            Some(false) => {
                query.and_where(Expr::from(Func::coalesce([overdue(now), Expr::val(false)])).not());
            }
            None => {}
        }
        if let Some(before) = filter.due_before {
            query
                .and_where(Expr::cust("s.state <> 'done'"))
                .and_where(clock("resolve_due_at").lt(before));
        }
        if let Some(q) = &filter.q {
            let lower = |column| Expr::from(Func::lower(issue(column)));
            query.and_where(
                lower("title")
                    .like(begins_with(q))
                    .or(lower("location").like(begins_with(q))),
            );
        }
        if let Some([min_lat, min_lon, max_lat, max_lon]) = filter.bbox {
            query
                .and_where(issue("lat").between(min_lat, max_lat))
                .and_where(issue("lon").between(min_lon, max_lon));
        }
        query
    }
}

/// Ties by id, in the same direction.
fn sorted(sort: IssueSort, order: Order) -> brisk_db::Order<IssueLine> {
    let (by, direction) = (brisk_db::Order::default(), order.into());
    let by = match sort {
        IssueSort::CreatedAt => by.by(issue("created_at"), direction, |l: &IssueLine| l.created_at),
        IssueSort::UpdatedAt => by.by(issue("updated_at"), direction, |l| l.updated_at),
        IssueSort::Priority => by.by(issue("priority"), direction, |l| l.priority),
        IssueSort::ReportCount => by.by(issue("report_count"), direction, |l| l.report_count),
        IssueSort::Due => {
            let due = Func::coalesce([clock("resolve_due_at"), Expr::val(NEVER)]);
            by.by(due.into(), direction, |l| l.resolve_due_at.unwrap_or(NEVER))
        }
    };
    by.by(issue("id"), direction, |l| l.id.get())
}
