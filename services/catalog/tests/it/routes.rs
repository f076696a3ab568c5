//! The table of routes: who may call each, at how many statements. A route that is not in it fails the tests that walk the API.

use serde_json::{Value, json};

/// Rows of a tenant that calls name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) author: i64,
    pub(crate) book: i64,
    pub(crate) review: i64,
    pub(crate) action: i64,
    /// Somebody with a profile.
    pub(crate) user: String,
    /// Differs for each call.
    pub(crate) n: usize,
}

/// What people of another tenant get who name this one's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// 404.
    NotFound,
    /// 422: a new row cannot belong to them.
    Invalid,
    /// An answer about their own tenant; the call can name no row that would be another's.
    Own,
}

type Body = fn(&Ids) -> Value;

/// One route and how to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The permission.
    pub(crate) may: &'static str,
    pub(crate) foreign: Foreign,
    /// The status of success.
    pub(crate) status: u16,
    /// Statements at most, where nothing is known yet but the caller.
    pub(crate) budget: u64,
    pub(crate) body: Option<Body>,
}

impl Route {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path on these rows.
    pub(crate) fn path(&self, ids: &Ids) -> String {
        let id = match self.path.split('/').nth(1) {
            Some("authors") => ids.author,
            Some("books") => ids.book,
            Some("reviews") => ids.review,
            _ => ids.action,
        };
        let path = self.path.replace("{id}", &id.to_string());
        format!("/catalog{}", path.replace("{user_id}", &ids.user))
    }
}

const fn route(
    method: &'static str,
    path: &'static str,
    may: &'static str,
    foreign: Foreign,
    status: u16,
    budget: u64,
) -> Route {
    Route {
        method,
        path,
        may,
        foreign,
        status,
        budget,
        body: None,
    }
}

impl Route {
    const fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
}

fn author(ids: &Ids) -> Value {
    json!({"name": format!("Made {}", ids.n)})
}

fn book(ids: &Ids) -> Value {
    json!({"author_id": ids.author, "title": "Made"})
}

/// All routes of the service.
pub(crate) const ROUTES: &[Route] = {
    use Foreign::{Invalid, NotFound, Own};
    &[
        route("GET", "/authors", "authors:read", Own, 200, 1),
        route("GET", "/authors/paginated", "authors:read", Own, 200, 2),
        route("GET", "/authors/{id}", "authors:read", NotFound, 200, 1),
        route("POST", "/authors", "authors:create", Own, 201, 1).body(author),
        route("POST", "/authors/batch", "authors:create", Own, 201, 1)
            .body(|ids| json!([author(ids)])),
        route("PUT", "/authors/{id}", "authors:update", NotFound, 200, 1).body(author),
        route(
            "PATCH",
            "/authors/{id}/status",
            "authors:update",
            NotFound,
            200,
            1,
        )
        .body(|_| json!({"status": "archived"})),
        route(
            "DELETE",
            "/authors/{id}",
            "authors:delete",
            NotFound,
            204,
            1,
        ),
        route("GET", "/books", "books:read", Own, 200, 2),
        route("GET", "/books/{id}", "books:read", NotFound, 200, 1),
        route("POST", "/books", "books:create", Invalid, 201, 1).body(book),
        route("PUT", "/books/{id}", "books:update", NotFound, 200, 1).body(book),
        route("DELETE", "/books/{id}", "books:delete", NotFound, 204, 1),
        route("GET", "/reviews", "reviews:read", Own, 200, 2),
        route("POST", "/reviews", "reviews:create", Invalid, 201, 1)
            .body(|ids| json!({"author_id": ids.author, "book_id": ids.book, "rating": 3})),
        route(
            "DELETE",
            "/reviews/{id}",
            "reviews:delete",
            NotFound,
            204,
            1,
        ),
        route("GET", "/messages", "messages:read", Own, 200, 1),
        route("POST", "/messages", "messages:create", Own, 201, 1)
            .body(|_| json!({"body": "hello"})),
        route(
            "GET",
            "/users/{user_id}/profile",
            "profiles:read",
            NotFound,
            200,
            1,
        ),
        route(
            "PUT",
            "/users/{user_id}/profile",
            "profiles:update",
            Own,
            200,
            1,
        )
        .body(|_| json!({"display_name": "Me"})),
        route("GET", "/audit-logs", "audit-logs:read", Own, 200, 2),
        route(
            "GET",
            "/audit-logs/{id}",
            "audit-logs:read",
            NotFound,
            200,
            1,
        ),
        route(
            "GET",
            "/audit-logs/user/{user_id}",
            "audit-logs:read",
            Own,
            200,
            2,
        ),
    ]
};
