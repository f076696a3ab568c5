//! The list queries: any filter, one page by key, and how many there are.
mod filter;
mod issues;
mod reports;

pub(crate) use filter::{BBox, COUNT_CAP, IssueFilter, IssueSort, Order, ReportFilter};
pub(crate) use issues::{IssueLine, IssueLists, MapCluster, MapPoint};
pub(crate) use reports::ReportLists;
