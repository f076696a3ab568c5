//! Lists of reports.

use brisk_db::sea_query::{Expr, ExprTrait, Func, Order as Direction, Query, SelectStatement};
use brisk_db::{FromRow, Session};
use jiff::Timestamp;

use super::filter::{COUNT_CAP, Count, Order, PageAsk, Position, ReportFilter, Total};
use super::issues::begins_with;
use crate::store::report::ReportListRow;

/// A count that stopped at its cap, or was left out, beside what the last computed scores say.
#[derive(Clone, Copy, Debug, PartialEq, FromRow)]
struct CountRow {
    n: i64,
    known: Option<f64>,
}

/// Lists of reports; each query filters by the session's tenant.
pub(crate) struct ReportLists<'a>(pub(crate) &'a Session);

impl ReportLists<'_> {
    /// By the reporter's time; one row more than the page has, where there is more.
    pub(crate) async fn page(
        &self,
        filter: &ReportFilter,
        order: Order,
        ask: PageAsk,
    ) -> Result<Vec<ReportListRow>, brisk_db::Error> {
        let mut query = self.narrowed(filter);
        query.columns(ReportListRow::COLUMNS.iter().copied());
        if let Some(after) = ask.after {
            let here = Expr::tuple([Expr::col("submitted_at"), Expr::col("id")]);
            let at = Timestamp::from_microsecond(after.key).unwrap_or(Timestamp::MAX);
            let there = Expr::tuple([Expr::val(at), Expr::val(after.id)]);
            query.and_where(match order {
                Order::Asc => here.gt(there),
                Order::Desc => here.lt(there),
            });
        }
        let direction = match order {
            Order::Asc => Direction::Asc,
            Order::Desc => Direction::Desc,
        };
        query
            .order_by("submitted_at", direction.clone())
            .order_by("id", direction);
        self.0
            .select_page("civic.listing.reports", &query, ask.limit, ask.skip)
            .await
    }

    /// How many the filter has.
    pub(crate) async fn count(
        &self,
        filter: &ReportFilter,
        count: Count,
    ) -> Result<Total, brisk_db::Error> {
        let mut rows = self.narrowed(filter);
        rows.expr(Expr::cust("1"));
        if count == Count::Auto {
            rows.limit(COUNT_CAP.unsigned_abs() + 1);
        }
        let mut counted = Query::select();
        counted
            .expr(Expr::cust("count(*)"))
            .from_subquery(rows, "c");
        let counted = Expr::SubQuery(None, Box::new(counted.into()));
        let mut query = Query::select();
        // Scores are computed a second or two after each change and know the number of all reports by area.
        let plain = ReportFilter {
            area_id: filter.area_id,
            ..ReportFilter::default()
        };
        if count == Count::Auto && *filter == plain {
            let known = self.known(filter.area_id);
            // Where they know of more than is counted, nothing is counted.
            let many = Expr::from(Func::coalesce([known.clone(), Expr::val(0.0)]));
            let n = Expr::case(many.gt(count_as_score()), COUNT_CAP + 1).finally(counted);
            query.expr(n).expr(known);
        } else {
            query
                .expr(counted)
                .expr(Expr::cust("CAST(NULL AS double precision)"));
        }
        let found: Vec<CountRow> = self.0.select("civic.listing.reports_count", &query).await?;
        let row = found
            .first()
            .copied()
            .unwrap_or(CountRow { n: 0, known: None });
        Ok(match count {
            Count::Auto => Total::capped(row.n, row.known),
            Count::Exact => Total::Exact(u64::try_from(row.n).unwrap_or_default()),
        })
    }

    /// How many reports the last computed scores counted.
    fn known(&self, area: Option<i64>) -> Expr {
        let mut known = Query::select();
        known
            .column("score")
            .from("civic_performance_scores")
            .and_where(Expr::col("tenant_id").eq(self.0.tenant().get()))
            .and_where(Expr::col("area_id").eq(area.unwrap_or(0)))
            .and_where(Expr::col("metric_type").eq("reports"))
            .and_where(Expr::col("period").eq("all_time"));
        Expr::SubQuery(None, Box::new(known.into()))
    }

    fn narrowed(&self, filter: &ReportFilter) -> SelectStatement {
        let col = |name: &'static str| Expr::col(name);
        let mut query = Query::select();
        query
            .from("civic_reports")
            .and_where(col("tenant_id").eq(self.0.tenant().get()))
            .and_where_option(filter.issue_id.map(|id| col("issue_id").eq(id.get())))
            .and_where_option(filter.area_id.map(|id| col("area_id").eq(id)))
            .and_where_option(filter.category.map(|c| col("category").eq(c.as_str())))
            .and_where_option(filter.severity.map(|s| col("severity").eq(s.as_str())))
            .and_where_option(filter.channel.clone().map(|c| col("channel").eq(c)))
            .and_where_option(filter.processed.map(|p| col("processed").eq(p)))
            .and_where_option(filter.created_after.map(|t| col("submitted_at").gte(t)))
            .and_where_option(filter.created_before.map(|t| col("submitted_at").lt(t)));
        if !filter.statuses.is_empty() {
            query.and_where(col("status").is_in(filter.statuses.iter().cloned()));
        }
        if let Some(q) = &filter.q {
            let lower = |column: &'static str| Expr::from(Func::lower(Expr::col(column)));
            query.and_where(
                lower("summary")
                    .like(begins_with(q))
                    .or(lower("location").like(begins_with(q))),
            );
        }
        if let Some([min_lat, min_lon, max_lat, max_lon]) = filter.bbox {
            query
                .and_where(col("lat").between(min_lat, max_lat))
                .and_where(col("lon").between(min_lon, max_lon));
        }
        query
    }
}

/// The cap as scores are kept.
fn count_as_score() -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "ten thousand is a number that f64 holds"
    )]
    let cap = COUNT_CAP as f64;
    cap
}

/// The sort key of a row as a cursor keeps it.
pub(crate) fn position(row: &ReportListRow) -> Position {
    Position {
        key: row.submitted_at.as_microsecond(),
        id: row.id.get(),
    }
}
