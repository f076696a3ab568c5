//! Reviews.

use brisk_core::TenantId;
use brisk_db::Operator::{Eq, Gte, In, Lte};
use brisk_db::sea_query::Expr;
use brisk_db::{
    Affected, Error, Filter, Listing, Many, OnConflict, One, PerPage, Record, Session, Sort,
    statements,
};
use jiff::Timestamp;

use crate::ids::{AuthorId, BookId, ReviewId};
use crate::model::review::{NewReview, Review};

/// What can be asked of the list of reviews.
pub(crate) static LIST: Listing<Review> = Listing {
    name: "catalog.review.page",
    count: "catalog.review.count",
    table: "catalog_reviews",
    filters: &[
        Filter::ints("author_id", &[Eq, In]),
        Filter::ints("book_id", &[Eq, In]),
        Filter::ints("rating", &[Eq, In, Gte, Lte]),
        Filter::texts("reviewer_id", &[Eq]),
    ],
    sorts: &[
        Sort::new("rating", |order, to| {
            order.by(Expr::col("rating"), to, |r: &Review| r.rating)
        }),
        Sort::new("created_at", |order, to| {
            order.by(Expr::col("created_at"), to, |r: &Review| r.created_at)
        }),
    ],
    usual_sort: "id",
    relations: &["author", "book"],
    per_page: PerPage::USUAL,
    id: |review| review.id.get(),
};

/// A review to be made, among others.
#[derive(Clone, Debug, Record)]
#[record(table = "catalog_reviews")]
pub(crate) struct NewReviewRow {
    pub(crate) tenant_id: TenantId,
    pub(crate) author_id: AuthorId,
    pub(crate) book_id: Option<BookId>,
    pub(crate) reviewer_id: String,
    pub(crate) rating: i64,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
}

statements! {
    prefix "catalog.review";

    const REVIEW = "id, author_id, book_id, reviewer_id, rating, body, created_at";

    /// An author's reviews.
    pub(crate) load OF_AUTHOR(author_id: AuthorId) -> Many<Review> in "catalog_reviews", order "id", limit 100;

    /// A book's reviews.
    pub(crate) load OF_BOOK(book_id: BookId) -> Many<Review> in "catalog_reviews", order "id", limit 100;

    /// Makes a review.
    INSERT(
        tenant: TenantId, author: AuthorId, book: Option<BookId>, reviewer: String, rating: i64, body: String, now: Timestamp,
    ) -> One<Review>
        = "INSERT INTO catalog_reviews (tenant_id, author_id, book_id, reviewer_id, rating, body, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {REVIEW}";

    /// Deletes a review.
    DELETE(tenant: TenantId, id: ReviewId) -> Affected
        = "DELETE FROM catalog_reviews WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `catalog_reviews`; each statement filters by the session's tenant.
pub(crate) struct Reviews<'a>(pub(crate) &'a Session);

impl Reviews<'_> {
    pub(crate) async fn insert(
        &self,
        new: NewReview,
        reviewer: String,
        now: Timestamp,
    ) -> Result<Review, Error> {
        let tenant = self.0.tenant();
        let params = (
            tenant,
            new.author_id,
            new.book_id,
            reviewer,
            new.rating,
            new.body,
            now,
        );
        self.0.run(&INSERT, params).await
    }

    /// How many were made.
    pub(crate) async fn insert_many(&self, rows: Vec<NewReviewRow>) -> Result<u64, Error> {
        self.0.insert_many(rows, OnConflict::Fail).await
    }

    /// Whether there was one.
    pub(crate) async fn delete(&self, id: ReviewId) -> Result<bool, Error> {
        Ok(self.0.run(&DELETE, (self.0.tenant(), id)).await? > 0)
    }
}
