//! The macros of `brisk-db`; use them through that crate.

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
/// }
/// ```
///
/// The shape is `Option<Row>`, `Vec<Row>`, `One<Row>` or `Affected`. The name becomes `prefix.get`. Parameters are
/// written `$1`, `$2` …; for SQLite they become `?1`, `?2` outside literals. A parameter that the text never uses, or
/// a number without a parameter, does not compile. `SAVE[IssueRow]` takes the fields of a `Record` in their order. `#[slow]` sends the statement to the checkout pool on PostgreSQL.
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
