//! Lists of the people of the tenant.

use brisk_db::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use brisk_db::{Count, Direction, Error, FromRow, Page, Paging, Session, Total};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{RoleId, UserId};
use crate::model::user::UserStatus;

/// What a list shows of a person.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub(crate) struct UserLine {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) is_superuser: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) email_norm: String,
    pub(crate) name_norm: String,
}

/// The same beside how many there are in all.
#[derive(Clone, Debug, FromRow)]
struct CountedLine {
    id: UserId,
    email: String,
    full_name: String,
    status: UserStatus,
    is_superuser: bool,
    created_at: Timestamp,
    email_norm: String,
    name_norm: String,
    n: i64,
}

impl From<CountedLine> for UserLine {
    fn from(row: CountedLine) -> Self {
        Self {
            id: row.id,
            email: row.email,
            full_name: row.full_name,
            status: row.status,
            is_superuser: row.is_superuser,
            created_at: row.created_at,
            email_norm: row.email_norm,
            name_norm: row.name_norm,
        }
    }
}

/// Which people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct UserFilter {
    pub(crate) status: Option<UserStatus>,
    /// What the address or the name begins with, in small letters.
    pub(crate) q: Option<String>,
    pub(crate) role: Option<RoleId>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum UserSort {
    /// The newest first.
    #[default]
    #[serde(rename = "-created_at")]
    Newest,
    /// The oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// By address.
    #[serde(rename = "email")]
    Email,
    /// By address, backwards.
    #[serde(rename = "-email")]
    EmailBack,
    /// By name.
    #[serde(rename = "full_name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-full_name")]
    NameBack,
}

/// The last character there is: what begins with a text lies before that text and this.
const LAST: char = '\u{10FFFF}';

fn col(name: &'static str) -> Expr {
    Expr::col(("u", name))
}

fn begins_with(column: &'static str, q: &str) -> Expr {
    // A range rather than LIKE, so that the index serves whatever the text is.
    let from = col(column).gte(q);
    from.and(col(column).lt(format!("{q}{LAST}")))
}

/// Lists of people; each query filters by the session's tenant.
pub(crate) struct UserLists<'a>(pub(crate) &'a Session);

impl UserLists<'_> {
    pub(crate) async fn page(
        &self,
        sort: UserSort,
        asked: Paging<'_, UserFilter>,
    ) -> Result<Page<UserLine>, Error> {
        let query = self.lines(asked.filter);
        self.0
            .page("identity.user_list.page", query, &sorted(sort), asked)
            .await
    }

    /// A page by its number, and how many rows there are in all; no number where no row tells it.
    pub(crate) async fn numbered(
        &self,
        filter: &UserFilter,
        sort: UserSort,
        (skip, limit): (u64, u64),
    ) -> Result<(Vec<UserLine>, Option<u64>), Error> {
        let mut query = self.lines(filter);
        query.expr(Expr::cust("count(*) OVER () AS n"));
        let (by, direction) = key(sort);
        let direction = match direction {
            Direction::Asc => brisk_db::sea_query::Order::Asc,
            Direction::Desc => brisk_db::sea_query::Order::Desc,
        };
        query
            .order_by_expr(col(by), direction.clone())
            .order_by_expr(col("id"), direction)
            .limit(limit)
            .offset(skip);
        let rows: Vec<CountedLine> = self.0.select("identity.user_list.numbered", &query).await?;
        let total = rows.first().map(|row| row.n.unsigned_abs());
        Ok((rows.into_iter().map(UserLine::from).collect(), total))
    }

    pub(crate) async fn count(&self, filter: &UserFilter) -> Result<u64, Error> {
        let mut rows = self.narrowed(filter);
        rows.expr(Expr::cust("1"));
        let total = self
            .0
            .count("identity.user_list.count", rows, Count::Exact)
            .await?;
        Ok(match total {
            Total::Exact(n) | Total::Estimate(n) => n,
            Total::Skipped => 0,
        })
    }

    fn lines(&self, filter: &UserFilter) -> SelectStatement {
        let mut query = self.narrowed(filter);
        for column in UserLine::COLUMNS {
            query.column(("u", *column));
        }
        query
    }

    fn narrowed(&self, filter: &UserFilter) -> SelectStatement {
        let tenant = self.0.tenant().get();
        let mut query = Query::select();
        query
            .from_as("identity_users", "u")
            .and_where(col("tenant_id").eq(tenant))
            .and_where(col("deleted_at").is_null())
            .and_where_option(filter.status.map(|s| col("status").eq(s.as_str())));
        if let Some(q) = &filter.q {
            query.and_where(begins_with("email_norm", q).or(begins_with("name_norm", q)));
        }
        if let Some(role) = filter.role {
            let mut holders = Query::select();
            holders
                .column("user_id")
                .from("identity_user_roles")
                .and_where(Expr::col("tenant_id").eq(tenant))
                .and_where(Expr::col("role_id").eq(role.0));
            query.and_where(col("id").in_subquery(holders));
        }
        query
    }
}

fn key(sort: UserSort) -> (&'static str, Direction) {
    match sort {
        UserSort::Newest => ("created_at", Direction::Desc),
        UserSort::Oldest => ("created_at", Direction::Asc),
        UserSort::Email => ("email_norm", Direction::Asc),
        UserSort::EmailBack => ("email_norm", Direction::Desc),
        UserSort::Name => ("name_norm", Direction::Asc),
        UserSort::NameBack => ("name_norm", Direction::Desc),
    }
}

/// Ties by id, in the same direction.
fn sorted(sort: UserSort) -> brisk_db::Order<UserLine> {
    let (by, direction) = key(sort);
    let order = brisk_db::Order::default();
    let order = match by {
        "email_norm" => order.by(col(by), direction, |l: &UserLine| l.email_norm.clone()),
        "name_norm" => order.by(col(by), direction, |l: &UserLine| l.name_norm.clone()),
        _ => order.by(col(by), direction, |l: &UserLine| l.created_at),
    };
    order.by(col("id"), direction, |l| l.id.0)
}
