//! The tenant's own categories; the six base ones are words of the schema and have no rows.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, One, Session, statements};
use serde_json::Value;

use super::Slice;
use crate::model::setup::ServiceFields;
use crate::model::{Category, Severity};

/// One category.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct CategoryRow {
    pub(crate) id: i64,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) base_category: Category,
    pub(crate) description: Option<String>,
    pub(crate) keywords: Option<String>,
    pub(crate) service_group: Option<String>,
    pub(crate) metadata: bool,
    pub(crate) active: bool,
    pub(crate) public: bool,
    pub(crate) default_severity: Option<Severity>,
    pub(crate) dedup_radius_m: Option<i32>,
    pub(crate) dedup_window_days: Option<i32>,
    pub(crate) attributes: Option<Json<Value>>,
    pub(crate) sort: i32,
}

impl From<CategoryRow> for (i64, ServiceFields) {
    fn from(row: CategoryRow) -> Self {
        let fields = ServiceFields {
            code: row.code,
            name: row.name,
            base_category: row.base_category,
            description: row.description,
            keywords: row.keywords,
            service_group: row.service_group,
            metadata: row.metadata,
            active: row.active,
            public: row.public,
            default_severity: row.default_severity,
            dedup_radius_m: row.dedup_radius_m,
            dedup_window_days: row.dedup_window_days,
            attributes: row.attributes.map(|json| json.0),
            sort: row.sort,
        };
        (row.id, fields)
    }
}

statements! {
    prefix "civic.category";

    /// One category of the tenant.
    pub(crate) GET(tenant: TenantId, id: i64) -> Option<CategoryRow>
        = "SELECT id, code, name, base_category, description, keywords, service_group, metadata, active, public,
             default_severity, dedup_radius_m, dedup_window_days, attributes, sort
           FROM civic_categories WHERE tenant_id = $1 AND id = $2";

    /// The same, kept from other writers until the transaction ends.
    pub(crate) GET_FOR_UPDATE(tenant: TenantId, id: i64) -> Option<CategoryRow>
        = "SELECT id, code, name, base_category, description, keywords, service_group, metadata, active, public,
             default_severity, dedup_radius_m, dedup_window_days, attributes, sort
           FROM civic_categories WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        sqlite "SELECT id, code, name, base_category, description, keywords, service_group, metadata, active, public,
             default_severity, dedup_radius_m, dedup_window_days, attributes, sort
           FROM civic_categories WHERE tenant_id = $1 AND id = $2";

    /// All categories in the order in which they are shown.
    pub(crate) LIST(tenant: TenantId) -> Vec<CategoryRow>
        = "SELECT id, code, name, base_category, description, keywords, service_group, metadata, active, public,
             default_severity, dedup_radius_m, dedup_window_days, attributes, sort
           FROM civic_categories WHERE tenant_id = $1 ORDER BY sort, code";

    /// A page in the order of keys.
    pub(crate) PAGE(tenant: TenantId, after: i64, limit: i64, skip: i64) -> Vec<CategoryRow>
        = "SELECT id, code, name, base_category, description, keywords, service_group, metadata, active, public,
             default_severity, dedup_radius_m, dedup_window_days, attributes, sort
           FROM civic_categories WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4";

    /// How many there are.
    pub(crate) COUNT(tenant: TenantId) -> One<i64>
        = "SELECT count(*) AS n FROM civic_categories WHERE tenant_id = $1";

    /// Whether a report names the category; reads the tenant's reports when none does.
    #[slow]
    pub(crate) IN_USE(tenant: TenantId, code: String) -> One<bool>
        = "SELECT EXISTS (SELECT 1 FROM civic_reports WHERE tenant_id = $1 AND service_code = $2) AS used";

    /// A new category.
    pub(crate) INSERT(
        tenant: TenantId, code: String, name: String, base_category: Category, description: Option<String>,
        keywords: Option<String>, service_group: Option<String>, metadata: bool, active: bool, public: bool,
        default_severity: Option<Severity>, dedup_radius_m: Option<i32>, dedup_window_days: Option<i32>,
        attributes: Option<Json<Value>>, sort: i32,
    ) -> One<i64>
        = "INSERT INTO civic_categories (tenant_id, code, name, base_category, description, keywords, service_group,
             metadata, active, public, default_severity, dedup_radius_m, dedup_window_days, attributes, sort)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id";

    /// All that can be changed, which the code is not.
    pub(crate) UPDATE(
        tenant: TenantId, id: i64, name: String, base_category: Category, description: Option<String>,
        keywords: Option<String>, service_group: Option<String>, metadata: bool, active: bool, public: bool,
        default_severity: Option<Severity>, dedup_radius_m: Option<i32>, dedup_window_days: Option<i32>,
        attributes: Option<Json<Value>>, sort: i32,
    ) -> Affected
        = "UPDATE civic_categories SET name = $3, base_category = $4, description = $5, keywords = $6,
             service_group = $7, metadata = $8, active = $9, public = $10, default_severity = $11,
             dedup_radius_m = $12, dedup_window_days = $13, attributes = $14, sort = $15
           WHERE tenant_id = $1 AND id = $2";

    /// No key refers to a category: ask [`IN_USE`] first.
    pub(crate) DELETE(tenant: TenantId, id: i64) -> Affected
        = "DELETE FROM civic_categories WHERE tenant_id = $1 AND id = $2";
}

/// Everything asked of `civic_categories`; each statement filters by the session's tenant.
pub(crate) struct Categories<'a>(pub(crate) &'a Session);

impl Categories<'_> {
    pub(crate) async fn get(&self, id: i64) -> Result<Option<ServiceFields>, Error> {
        let row = self.0.run(&GET, (self.0.tenant(), id)).await?;
        Ok(row.map(|row| <(i64, ServiceFields)>::from(row).1))
    }

    pub(crate) async fn get_for_update(&self, id: i64) -> Result<Option<ServiceFields>, Error> {
        let row = self.0.run(&GET_FOR_UPDATE, (self.0.tenant(), id)).await?;
        Ok(row.map(|row| <(i64, ServiceFields)>::from(row).1))
    }

    pub(crate) async fn list(&self) -> Result<Vec<(i64, ServiceFields)>, Error> {
        let rows = self.0.run(&LIST, (self.0.tenant(),)).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    pub(crate) async fn page(&self, slice: Slice) -> Result<Vec<(i64, ServiceFields)>, Error> {
        let params = (self.0.tenant(), slice.after, slice.limit, slice.skip);
        let rows = self.0.run(&PAGE, params).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    pub(crate) async fn count(&self) -> Result<i64, Error> {
        self.0.run(&COUNT, (self.0.tenant(),)).await
    }

    pub(crate) async fn in_use(&self, code: &str) -> Result<bool, Error> {
        let params = (self.0.tenant(), code.to_owned());
        self.0.run(&IN_USE, params).await
    }

    pub(crate) async fn insert(&self, fields: ServiceFields) -> Result<i64, Error> {
        let f = fields;
        let params = (
            self.0.tenant(),
            f.code,
            f.name,
            f.base_category,
            f.description,
            f.keywords,
            f.service_group,
            f.metadata,
            f.active,
            f.public,
            f.default_severity,
            f.dedup_radius_m,
            f.dedup_window_days,
            f.attributes.map(Json),
            f.sort,
        );
        self.0.run(&INSERT, params).await
    }

    pub(crate) async fn update(&self, id: i64, fields: ServiceFields) -> Result<u64, Error> {
        let f = fields;
        let params = (
            self.0.tenant(),
            id,
            f.name,
            f.base_category,
            f.description,
            f.keywords,
            f.service_group,
            f.metadata,
            f.active,
            f.public,
            f.default_severity,
            f.dedup_radius_m,
            f.dedup_window_days,
            f.attributes.map(Json),
            f.sort,
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn delete(&self, id: i64) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), id)).await
    }
}
