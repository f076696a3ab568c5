//! Books.

use brisk_core::TenantId;
use brisk_db::Operator::{Contains, Eq, In, Prefix};
use brisk_db::sea_query::Expr;
use brisk_db::{
    Affected, Error, Filter, FromRow, Listing, Many, OnConflict, One, PerPage, Record, Session,
    Sort, statements,
};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ids::{AuthorId, BookId};
use crate::model::book::{Book, NewBook};

/// What can be asked of the list of books.
pub(crate) static LIST: Listing<Book> = BOOKS;

const BOOKS: Listing<Book> = Listing {
    name: "catalog.book.page",
    count: "catalog.book.count",
    table: "catalog_books",
    filters: &[
        Filter::ints("author_id", &[Eq, In]),
        Filter::texts("title", &[Contains, Eq, Prefix]),
        Filter::texts("isbn", &[Eq]),
    ],
    sorts: &[
        Sort::new("title", |order, to| {
            order.by(Expr::col("title"), to, |b: &Book| b.title.clone())
        }),
        Sort::new("created_at", |order, to| {
            order.by(Expr::col("created_at"), to, |b: &Book| b.created_at)
        }),
    ],
    usual_sort: "id",
    relations: &["author", "reviews"],
    per_page: PerPage::USUAL,
    id: |book| book.id.get(),
};

/// What can be asked of one book.
pub(crate) static ONE: Listing<Book> = Listing {
    filters: &[],
    sorts: &[],
    ..BOOKS
};

/// A book to be made, among others.
#[derive(Clone, Debug, Record)]
#[record(table = "catalog_books")]
pub(crate) struct NewBookRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) author_id: AuthorId,
    pub(crate) title: String,
    pub(crate) isbn: Option<String>,
    pub(crate) published_on: Option<Date>,
    pub(crate) created_at: Timestamp,
}

/// A book as far as an import has to know it.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct TitleRow {
    pub(crate) id: BookId,
    pub(crate) author_id: AuthorId,
    pub(crate) title: String,
}

statements! {
    prefix "catalog.book";

    const BOOK = "id, author_id, title, isbn, published_on, created_at";

    /// One book, and those of a page of reviews.
    pub(crate) load GET(id: BookId) -> Option<Book> in "catalog_books";

    /// An author's books.
    pub(crate) load OF_AUTHOR(author_id: AuthorId) -> Many<Book> in "catalog_books", order "id", limit 100;

    /// The titles of some authors.
    TITLES(tenant: TenantId, authors: Vec<i64>) -> Vec<TitleRow>
        = "SELECT id, author_id, title FROM catalog_books WHERE tenant_id = $1 AND author_id = ANY($2)",
        sqlite "SELECT id, author_id, title FROM catalog_books
                WHERE tenant_id = $1 AND author_id IN (SELECT value FROM json_each($2))";

    /// Makes a book.
    INSERT(
        tenant: TenantId, author: AuthorId, title: String, isbn: Option<String>, published_on: Option<Date>, now: Timestamp,
    ) -> One<Book>
        = "INSERT INTO catalog_books (tenant_id, author_id, title, isbn, published_on, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING {BOOK}";

    /// Writes all of a book.
    UPDATE(
        tenant: TenantId, id: BookId, author: AuthorId, title: String, isbn: Option<String>, published_on: Option<Date>,
    ) -> Option<Book>
        = "UPDATE catalog_books SET author_id = $3, title = $4, isbn = $5, published_on = $6
           WHERE tenant_id = $1 AND id = $2 RETURNING {BOOK}";

    /// Deletes a book with its reviews.
    DELETE(tenant: TenantId, id: BookId) -> Affected
        = "DELETE FROM catalog_books WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `catalog_books`; each statement filters by the session's tenant.
pub(crate) struct Books<'a>(pub(crate) &'a Session);

impl Books<'_> {
    pub(crate) async fn insert(&self, new: NewBook, now: Timestamp) -> Result<Book, Error> {
        let tenant = self.0.tenant();
        let params = (
            tenant,
            new.author_id,
            new.title,
            new.isbn,
            new.published_on,
            now,
        );
        self.0.run(&INSERT, params).await
    }

    /// How many were made.
    pub(crate) async fn insert_many(
        &self,
        rows: Vec<NewBookRow>,
        on_conflict: OnConflict,
    ) -> Result<u64, Error> {
        self.0.insert_many(rows, on_conflict).await
    }

    pub(crate) async fn titles(&self, authors: &[AuthorId]) -> Result<Vec<TitleRow>, Error> {
        let authors = authors.iter().map(|author| author.get()).collect();
        self.0.run(&TITLES, (self.0.tenant(), authors)).await
    }

    pub(crate) async fn update(&self, id: BookId, new: NewBook) -> Result<Option<Book>, Error> {
        let tenant = self.0.tenant();
        let params = (
            tenant,
            id,
            new.author_id,
            new.title,
            new.isbn,
            new.published_on,
        );
        self.0.run(&UPDATE, params).await
    }

    /// Whether there was one.
    pub(crate) async fn delete(&self, id: BookId) -> Result<bool, Error> {
        Ok(self.0.run(&DELETE, (self.0.tenant(), id)).await? > 0)
    }
}
