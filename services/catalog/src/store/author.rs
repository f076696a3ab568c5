//! Authors.

use brisk_core::TenantId;
use brisk_db::Operator::{Contains, Eq, Gte, In, Lte, Prefix};
use brisk_db::sea_query::Expr;
use brisk_db::{
    Affected, Error, Filter, Listing, OnConflict, One, PerPage, Record, Session, Sort, statements,
};
use jiff::Timestamp;

use crate::ids::AuthorId;
use crate::model::author::{Author, AuthorStatus, NewAuthor};

/// What can be asked of the list of authors.
pub(crate) static LIST: Listing<Author> = AUTHORS;

const AUTHORS: Listing<Author> = Listing {
    name: "catalog.author.page",
    count: "catalog.author.count",
    table: "catalog_authors",
    filters: &[
        Filter::ints("id", &[Eq, In, Gte, Lte]),
        Filter::texts("name", &[Contains, Eq, Prefix]),
        Filter::words("status", AuthorStatus::WORDS, &[Eq, In]),
        Filter::texts("email", &[Eq]),
    ],
    sorts: &[
        Sort::new("name", |order, to| {
            order.by(Expr::col("name"), to, |a: &Author| a.name.clone())
        }),
        Sort::new("status", |order, to| {
            order.by(Expr::col("status"), to, |a: &Author| {
                a.status.as_str().to_owned()
            })
        }),
        Sort::new("created_at", |order, to| {
            order.by(Expr::col("created_at"), to, |a: &Author| a.created_at)
        }),
        Sort::new("updated_at", |order, to| {
            order.by(Expr::col("updated_at"), to, |a: &Author| a.updated_at)
        }),
    ],
    usual_sort: "id",
    relations: &["books", "reviews"],
    per_page: PerPage::USUAL,
    id: |author| author.id.get(),
};

/// What can be asked of one author.
pub(crate) static ONE: Listing<Author> = Listing {
    filters: &[],
    sorts: &[],
    ..AUTHORS
};

/// The list without pages, of an older contract: a bare name is the whole name.
pub(crate) static FIND: Listing<Author> = Listing {
    filters: &[
        Filter::ints("id", &[Eq]),
        Filter::texts("name", &[Eq]),
        Filter::texts("search", &[Contains]).on("name"),
    ],
    relations: &[],
    ..AUTHORS
};

/// An author to be made, among others.
#[derive(Clone, Debug, Record)]
#[record(table = "catalog_authors")]
struct NewAuthorRow {
    tenant_id: TenantId,
    name: String,
    email: Option<String>,
    status: AuthorStatus,
    created_at: Timestamp,
    updated_at: Timestamp,
}

statements! {
    prefix "catalog.author";

    const AUTHOR = "id, name, email, status, created_at, updated_at";

    /// One author, and those of a page of books.
    pub(crate) load GET(id: AuthorId) -> Option<Author> in "catalog_authors";

    /// The authors of these names.
    pub(crate) load NAMED(name: String) -> Option<Author> in "catalog_authors";

    /// The authors of these addresses.
    pub(crate) load ADDRESSED(email: String) -> Option<Author> in "catalog_authors";

    /// Makes an author.
    INSERT(tenant: TenantId, name: String, email: Option<String>, status: AuthorStatus, now: Timestamp) -> One<Author>
        = "INSERT INTO catalog_authors (tenant_id, name, email, status, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $5) RETURNING {AUTHOR}";

    /// Writes all of an author.
    UPDATE(
        tenant: TenantId, id: AuthorId, name: String, email: Option<String>, status: AuthorStatus, now: Timestamp,
    ) -> Option<Author>
        = "UPDATE catalog_authors SET name = $3, email = $4, status = $5, updated_at = $6
           WHERE tenant_id = $1 AND id = $2 RETURNING {AUTHOR}";

    /// Writes an author's status.
    SET_STATUS(tenant: TenantId, id: AuthorId, status: AuthorStatus, now: Timestamp) -> Option<Author>
        = "UPDATE catalog_authors SET status = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2 RETURNING {AUTHOR}";

    /// Deletes an author with its books and reviews.
    DELETE(tenant: TenantId, id: AuthorId) -> Affected
        = "DELETE FROM catalog_authors WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `catalog_authors`; each statement filters by the session's tenant.
pub(crate) struct Authors<'a>(pub(crate) &'a Session);

impl Authors<'_> {
    pub(crate) async fn insert(&self, new: NewAuthor, now: Timestamp) -> Result<Author, Error> {
        let params = (self.0.tenant(), new.name, new.email, new.status, now);
        self.0.run(&INSERT, params).await
    }

    /// The ids of all rows, or none of them.
    pub(crate) async fn insert_many(
        &self,
        new: Vec<NewAuthor>,
        now: Timestamp,
    ) -> Result<Vec<AuthorId>, Error> {
        let rows = new.into_iter().map(|new| NewAuthorRow {
            tenant_id: self.0.tenant(),
            name: new.name,
            email: new.email,
            status: new.status,
            created_at: now,
            updated_at: now,
        });
        let ids = self
            .0
            .insert_returning(rows.collect(), OnConflict::Fail, "id")
            .await?;
        Ok(ids.into_iter().map(AuthorId).collect())
    }

    /// The ids of those that were not there yet.
    pub(crate) async fn insert_named(
        &self,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<AuthorId>, Error> {
        let rows = names.into_iter().map(|name| NewAuthorRow {
            tenant_id: self.0.tenant(),
            name,
            email: None,
            status: AuthorStatus::Active,
            created_at: now,
            updated_at: now,
        });
        let ids = self
            .0
            .insert_returning(rows.collect(), OnConflict::Skip, "id")
            .await?;
        Ok(ids.into_iter().map(AuthorId).collect())
    }

    pub(crate) async fn update(
        &self,
        id: AuthorId,
        new: NewAuthor,
        now: Timestamp,
    ) -> Result<Option<Author>, Error> {
        let params = (self.0.tenant(), id, new.name, new.email, new.status, now);
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn set_status(
        &self,
        id: AuthorId,
        status: AuthorStatus,
        now: Timestamp,
    ) -> Result<Option<Author>, Error> {
        let params = (self.0.tenant(), id, status, now);
        self.0.run(&SET_STATUS, params).await
    }

    /// Whether there was one.
    pub(crate) async fn delete(&self, id: AuthorId) -> Result<bool, Error> {
        Ok(self.0.run(&DELETE, (self.0.tenant(), id)).await? > 0)
    }
}
