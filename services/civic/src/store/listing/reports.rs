//! Lists of reports.

use brisk_db::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use brisk_db::{Count, DecodeError, FromRow, Page, Paging, Row, Session, Total};

use super::filter::{Order, ReportFilter, beyond_the_cap};
use super::issues::begins_with;
use crate::store::report::ReportListRow;

/// The name of both ways to ask for a page.
const PAGE: &str = "civic.listing.reports";

/// A row of a page beside what the last computed scores say of the whole list.
struct PageRow {
    report: ReportListRow,
    known: Option<f64>,
}

impl FromRow for PageRow {
    /// Those of the report; `known` follows.
    const COLUMNS: &'static [&'static str] = ReportListRow::COLUMNS;

    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            report: ReportListRow::from_row(row)?,
            known: row.get(Self::COLUMNS.len())?,
        })
    }
}

/// Lists of reports; each query filters by the session's tenant.
pub(crate) struct ReportLists<'a>(pub(crate) &'a Session);

impl ReportLists<'_> {
    /// By the reporter's time.
    pub(crate) async fn page(
        &self,
        order: Order,
        asked: Paging<'_, ReportFilter>,
    ) -> Result<Page<ReportListRow>, brisk_db::Error> {
        let query = self.rows(asked.filter);
        let order = sorted(order, |row: &ReportListRow| row);
        self.0.page(PAGE, query, &order, asked).await
    }

    /// As [`ReportLists::page`], with the total of a list of all reports, or all of an area, where the scores know of more
    /// than `cap`, beyond which nothing is counted. They are computed a second or two after each change.
    pub(crate) async fn page_and_total(
        &self,
        order: Order,
        asked: Paging<'_, ReportFilter>,
        cap: u64,
    ) -> Result<(Page<ReportListRow>, Option<Total>), brisk_db::Error> {
        let mut query = self.rows(asked.filter);
        query.expr(self.known(asked.filter.area_id));
        let order = sorted(order, |row: &PageRow| &row.report);
        let page = self.0.page(PAGE, query, &order, asked).await?;
        let known = page.items.first().and_then(|row| row.known);
        let total = known.and_then(|known| beyond_the_cap(known, cap));
        Ok((page.map(|row| row.report), total))
    }

    /// How many the filter has.
    pub(crate) async fn count(
        &self,
        filter: &ReportFilter,
        count: Count,
    ) -> Result<Total, brisk_db::Error> {
        let mut rows = self.narrowed(filter);
        rows.expr(Expr::cust("1"));
        let name = "civic.listing.reports_count";
        self.0.count(name, rows, count).await
    }

    fn rows(&self, filter: &ReportFilter) -> SelectStatement {
        let mut query = self.narrowed(filter);
        query.columns(ReportListRow::COLUMNS.iter().copied());
        query
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

fn sorted<R: 'static>(order: Order, report: fn(&R) -> &ReportListRow) -> brisk_db::Order<R> {
    let direction = order.into();
    brisk_db::Order::default()
        .by(Expr::col("submitted_at"), direction, move |row| {
            report(row).submitted_at
        })
        .by(Expr::col("id"), direction, move |row| report(row).id.get())
}
