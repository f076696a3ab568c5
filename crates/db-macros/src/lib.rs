//! The macros of `brisk-db`; use them through that crate.

mod load;
mod migrations;
mod record;
mod row;
mod sql;
mod statements;

use proc_macro::TokenStream;

/// Declares statements: name, parameters, row type and text, checked against each other at compile time.
///
/// ```ignore
/// statements! {
///     prefix "civic.issue";
///
///     /// One issue of the caller's tenant.
///     pub(crate) GET(tenant: TenantId, id: IssueId) -> Option<IssueRow>
///         = "SELECT id, title FROM civic_issues WHERE tenant_id = $1 AND id = $2";
///
///     /// Takes up to `limit` jobs.
///     #[slow]
///     pub(crate) CLAIM(limit: i64) -> Vec<JobRow>
///         = "UPDATE … FOR UPDATE SKIP LOCKED …",
///         sqlite "UPDATE …";
///
///     /// The issue with an id.
///     pub(crate) load ISSUE(id: IssueId) -> Option<IssueRow> in "civic_issues";
///
///     /// An issue's notes, newest first, at most 20.
///     pub(crate) load NOTES(issue_id: IssueId) -> Many<NoteRow>
///         in "civic_notes", where "NOT hidden", order "created_at DESC, id DESC", limit 20;
/// }
/// ```
///
/// The shape is `Option<Row>`, `Vec<Row>`, `One<Row>` or `Affected`. The name becomes `prefix.get`. Parameters are
/// written `$1`, `$2` …; for SQLite they become `?1`, `?2` outside literals. A parameter that the text never uses, or
/// a number without a parameter, does not compile. `SAVE[IssueRow]` takes the fields of a `Record` in their order. `#[slow]` sends the statement to the checkout pool on PostgreSQL.
///
/// `load NAME(column: Key) -> Option<Row> in "table"` declares a keyed load for `Session::load`: one row for each key,
/// or with `Many<Row>` its rows in an order and up to a limit, which stand in the text too. The texts are made: they
/// read the row's columns from what stands after `in` (a table, or a query in brackets with a name), where the column
/// holds the key and `tenant_id` is the session's tenant. `shared` is for tables that no tenant owns. Keys are integers,
/// texts and UUIDs.
///
/// The module gets a `STATEMENTS` list for the test that prepares all of them.
#[proc_macro]
pub fn statements(input: TokenStream) -> TokenStream {
    statements::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Reads a row by position into a struct with named fields; the statement's columns stand in the fields' order.
#[proc_macro_derive(FromRow, attributes(column))]
pub fn from_row(input: TokenStream) -> TokenStream {
    row::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Names the table and columns that a struct fills in a bulk insert: `#[record(table = "civic_reports")]`.
#[proc_macro_derive(Record, attributes(record, column))]
pub fn record(input: TokenStream) -> TokenStream {
    record::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Takes `migrations/{postgres,sqlite}/V<n>__<name>.sql` of the calling crate into the binary as a `MigrationSet`.
#[proc_macro]
pub fn migrations(input: TokenStream) -> TokenStream {
    migrations::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
