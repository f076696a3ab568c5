//! The parameters that all lists have, for the OpenAPI document.

/// Which page, in which order, with what along.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by ListParams; here they are documented")]
pub(super) struct PageParams {
    /// The number of the page, from 1.
    page: Option<u64>,
    /// Rows on it, 1,000 at most.
    per_page: Option<u32>,
    /// Where to go on, in place of a number: `next_cursor` or `prev_cursor` of another page; empty for the first page.
    cursor: Option<String>,
    /// `simple` for cursors that are ids in base64, where rows come by ascending id.
    cursor_format: Option<String>,
    /// Whether not to say how many rows there are in all.
    skip_count: Option<bool>,
    /// What to load along, parted by commas.
    eager_load: Option<String>,
    /// By what to sort, parted by commas; `-` before a word is backwards.
    sort: Option<String>,
}
