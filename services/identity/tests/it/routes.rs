//! The table of routes: who may call each, with what, at how many statements. A route that is not in it fails the tests that
//! walk the API.

use serde_json::{Value, json};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Everybody.
    Public,
    /// Whoever has signed in.
    Person,
    /// Who has this permission in the tenant.
    May(&'static str),
    /// Who runs the installation and has this permission.
    Staff(&'static str),
}

/// What the `{id}` in a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    None,
    User,
    /// Somebody who was invited and has not come.
    Invited,
    Role,
    Session,
    Tenant,
    Client,
    Provider,
    Identity,
}

/// What the people of another tenant get who name this one's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// 401, 403 or 404.
    Refused,
    /// An answer about their own tenant, or a refusal; the call can name no row that would be another's.
    Own,
    /// What is shown is itself the proof of who calls, so there is no other tenant's call.
    Proof,
}

/// Rows of a tenant that calls name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) user: String,
    pub(crate) invited: String,
    pub(crate) role: String,
    pub(crate) session: String,
    pub(crate) tenant: String,
    pub(crate) email: String,
    pub(crate) refresh: String,
    pub(crate) access: String,
    pub(crate) client: String,
    pub(crate) secret: String,
    /// Between the password and the code.
    pub(crate) mfa_token: String,
    /// Of an authenticator app.
    pub(crate) code: String,
    pub(crate) provider: String,
    /// Its name.
    pub(crate) slug: String,
    pub(crate) identity: String,
    /// Differs for each call.
    pub(crate) n: usize,
}

type Body = fn(&Ids) -> Value;

/// One route and how to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    pub(crate) id: Id,
    pub(crate) foreign: Foreign,
    /// The status of success.
    pub(crate) status: u16,
    /// Statements at most, once the caller is known.
    pub(crate) budget: u64,
    pub(crate) body: Option<Body>,
    /// Stands behind the path.
    query: &'static str,
    /// Whether the caller cannot go on afterwards.
    pub(crate) ends: bool,
}

const fn route(
    method: &'static str,
    path: &'static str,
    who: Who,
    id: Id,
    status: u16,
    budget: u64,
) -> Route {
    Route {
        method,
        path,
        who,
        foreign: match id {
            Id::None => Foreign::Own,
            Id::User
            | Id::Invited
            | Id::Role
            | Id::Session
            | Id::Tenant
            | Id::Client
            | Id::Provider
            | Id::Identity => Foreign::Refused,
        },
        id,
        status,
        budget,
        body: None,
        query: "",
        ends: false,
    }
}

impl Route {
    const fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    const fn foreign(mut self, foreign: Foreign) -> Self {
        self.foreign = foreign;
        self
    }

    const fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path on these rows.
    pub(crate) fn path(&self, ids: &Ids) -> String {
        let id = match self.id {
            Id::None => "",
            Id::User => &ids.user,
            Id::Invited => &ids.invited,
            Id::Role => &ids.role,
            Id::Session => &ids.session,
            Id::Tenant => &ids.tenant,
            Id::Client => &ids.client,
            Id::Provider => &ids.provider,
            Id::Identity => &ids.identity,
        };
        let path = self
            .path
            .replace("{id}", id)
            .replace("{provider}", &ids.slug)
            .replace("{role_id}", &ids.role);
        let query = self.query.replace("{tenant}", &ids.tenant);
        format!("{path}{query}")
    }
}

/// A form of OAuth with the client's own proof; a text stands for a form.
fn form(ids: &Ids, fields: &str) -> Value {
    let (client, secret) = (&ids.client, &ids.secret);
    json!(format!(
        "{fields}&client_id={client}&client_secret={secret}"
    ))
}

fn nothing(_: &Ids) -> Value {
    json!({})
}

fn new_user(ids: &Ids) -> Value {
    let email = format!("made{}@example.org", ids.n);
    json!({"email": email, "full_name": "Made Here", "role_ids": [ids.role]})
}

fn many_users(ids: &Ids) -> Value {
    let email = format!("many{}@example.org", ids.n);
    json!({"users": [{"email": email, "full_name": "Made Here", "role_ids": [ids.role]}]})
}

fn new_role(ids: &Ids) -> Value {
    json!({"name": format!("Made {}", ids.n), "permissions": ["users:read"]})
}

fn password(_: &Ids) -> Value {
    let (old, new) = (crate::world::PASSWORD, "another long and windy road");
    json!({"current_password": old, "new_password": new})
}

fn login(ids: &Ids) -> Value {
    json!({"email": ids.email, "password": crate::world::PASSWORD, "tenant": ids.tenant})
}

fn register(ids: &Ids) -> Value {
    json!({"email": "a@example.org", "password": crate::world::PASSWORD, "full_name": "A", "tenant_name": format!("T {}", ids.n)})
}

fn setup(_: &Ids) -> Value {
    json!({"token": "bst_x", "email": "a@example.org", "password": crate::world::PASSWORD, "full_name": "A"})
}

fn token(_: &Ids) -> Value {
    json!({"token": "bot_x"})
}

fn new_tenant(ids: &Ids) -> Value {
    json!({"name": format!("Made {}", ids.n), "owner": {"email": "a@example.org", "full_name": "A"}})
}

/// A provider that is never asked.
pub(crate) fn new_provider(n: usize) -> Value {
    json!({
        "slug": format!("corp{n}"), "issuer": "https://idp.example", "authorize_url": "https://idp.example/authorize",
        "token_url": "https://idp.example/token", "jwks_url": "https://idp.example/keys", "client_id": "brisk",
        "client_secret": "hush hush",
    })
}

/// All routes of the service.
pub(crate) const ROUTES: &[Route] = {
    use Who::{May, Person, Public, Staff};
    &[
        route("POST", "/auth/register", Public, Id::None, 201, 12)
            .body(register)
            .foreign(Foreign::Proof),
        route("POST", "/auth/login", Public, Id::None, 200, 5)
            .body(login)
            .foreign(Foreign::Proof),
        route("POST", "/auth/login/mfa", Public, Id::None, 200, 10)
            .body(|ids| json!({"mfa_token": ids.mfa_token, "code": ids.code}))
            .foreign(Foreign::Proof),
        route("GET", "/auth/mfa/totp", Person, Id::None, 200, 1),
        route("POST", "/auth/mfa/totp/enroll", Person, Id::None, 200, 4),
        route("POST", "/auth/mfa/totp/confirm", Person, Id::None, 200, 7)
            .body(|ids| json!({"code": ids.code}))
            .foreign(Foreign::Proof),
        route("DELETE", "/auth/mfa/totp", Person, Id::None, 204, 4),
        route("POST", "/auth/refresh", Public, Id::None, 200, 4)
            .body(|ids| json!({"refresh_token": ids.refresh}))
            .foreign(Foreign::Proof),
        route("POST", "/auth/logout", Public, Id::None, 204, 4)
            .body(|ids| json!({"refresh_token": ids.refresh}))
            .foreign(Foreign::Proof),
        route("POST", "/auth/password/forgot", Public, Id::None, 202, 2)
            .body(|ids| json!({"email": ids.email, "tenant": ids.tenant}))
            .foreign(Foreign::Proof),
        route("POST", "/auth/tenants/lookup", Public, Id::None, 202, 2)
            .body(|ids| json!({"email": ids.email}))
            .foreign(Foreign::Proof),
        route(
            "POST",
            "/auth/email/verify/request",
            Public,
            Id::None,
            202,
            2,
        )
        .body(|ids| json!({"email": ids.email, "tenant": ids.tenant}))
        .foreign(Foreign::Proof),
        // What they cost with a token that counts is in `mail.rs`.
        route("POST", "/auth/password/reset", Public, Id::None, 400, 1)
            .body(|_| json!({"token": "bot_x", "new_password": crate::world::PASSWORD}))
            .foreign(Foreign::Proof),
        route("POST", "/auth/email/verify", Public, Id::None, 400, 6)
            .body(token)
            .foreign(Foreign::Proof),
        route("POST", "/auth/invitations/accept", Public, Id::None, 400, 1)
            .body(
                |_| json!({"token": "bot_x", "password": crate::world::PASSWORD, "full_name": "A"}),
            )
            .foreign(Foreign::Proof),
        // Once there is an administrator it is gone for everybody.
        route("POST", "/setup", Public, Id::None, 404, 1)
            .body(setup)
            .foreign(Foreign::Proof),
        route("GET", "/auth/me", Person, Id::None, 200, 0),
        route("GET", "/users/me", Person, Id::None, 200, 0),
        route("PATCH", "/users/me", Person, Id::None, 200, 5)
            .body(|_| json!({"full_name": "Me Myself"})),
        route("POST", "/users/me/password", Person, Id::None, 204, 10).body(password),
        route("POST", "/users/me/email", Person, Id::None, 202, 7).body(|ids| {
            let email = format!("moved{}@example.org", ids.n);
            json!({"new_email": email, "current_password": crate::world::PASSWORD})
        }),
        route("GET", "/auth/sessions", Person, Id::None, 200, 1),
        route("DELETE", "/auth/sessions/{id}", Person, Id::Session, 204, 4).ends(),
        route("POST", "/auth/logout-all", Person, Id::None, 204, 5)
            .body(nothing)
            .ends(),
        route("GET", "/users", May("users:read"), Id::None, 200, 1),
        route("POST", "/users", May("users:create"), Id::None, 201, 6)
            .body(new_user)
            .foreign(Foreign::Refused),
        route("POST", "/users/bulk", May("users:create"), Id::None, 200, 8).body(many_users),
        route("GET", "/users/{id}", May("users:read"), Id::User, 200, 1),
        route(
            "PATCH",
            "/users/{id}",
            May("users:update"),
            Id::User,
            200,
            6,
        )
        .body(|_| json!({"full_name": "Renamed"})),
        route(
            "DELETE",
            "/users/{id}",
            May("users:delete"),
            Id::User,
            204,
            11,
        ),
        route(
            "POST",
            "/users/{id}/activate",
            May("users:update"),
            Id::User,
            200,
            4,
        ),
        route(
            "POST",
            "/users/{id}/deactivate",
            May("users:update"),
            Id::User,
            200,
            7,
        ),
        route(
            "POST",
            "/users/{id}/unlock",
            May("users:update"),
            Id::User,
            204,
            6,
        ),
        route(
            "DELETE",
            "/users/{id}/totp",
            May("users:update"),
            Id::User,
            204,
            6,
        ),
        route(
            "POST",
            "/users/{id}/invite",
            May("users:create"),
            Id::Invited,
            202,
            5,
        ),
        route(
            "GET",
            "/users/{id}/sessions",
            May("sessions:read"),
            Id::User,
            200,
            2,
        ),
        route(
            "DELETE",
            "/users/{id}/sessions",
            May("sessions:revoke"),
            Id::User,
            204,
            5,
        ),
        route(
            "PUT",
            "/users/{id}/roles",
            May("roles:assign"),
            Id::User,
            200,
            8,
        )
        .body(|ids| json!({"role_ids": [ids.role]})),
        route(
            "PUT",
            "/users/{id}/roles/{role_id}",
            May("roles:assign"),
            Id::User,
            204,
            7,
        ),
        route(
            "DELETE",
            "/users/{id}/roles/{role_id}",
            May("roles:assign"),
            Id::User,
            204,
            6,
        ),
        route("GET", "/roles", May("roles:read"), Id::None, 200, 1),
        route("POST", "/roles", May("roles:create"), Id::None, 201, 6).body(new_role),
        route("GET", "/roles/{id}", May("roles:read"), Id::Role, 200, 1),
        route(
            "PATCH",
            "/roles/{id}",
            May("roles:update"),
            Id::Role,
            200,
            8,
        )
        .body(|_| json!({"permissions": ["users:read"]})),
        route(
            "DELETE",
            "/roles/{id}",
            May("roles:delete"),
            Id::Role,
            204,
            8,
        ),
        route(
            "GET",
            "/roles/{id}/users",
            May("roles:read"),
            Id::Role,
            200,
            2,
        ),
        route("GET", "/permissions", Person, Id::None, 200, 0),
        route("GET", "/audit", May("audit:read"), Id::None, 200, 1),
        route("GET", "/tenant", May("tenant:read"), Id::None, 200, 1),
        route("PATCH", "/tenant", May("tenant:update"), Id::None, 200, 6)
            .body(|_| json!({"locale": "de"})),
        route(
            "GET",
            "/admin/tenants",
            Staff("tenants:read"),
            Id::None,
            200,
            1,
        ),
        route(
            "POST",
            "/admin/tenants",
            Staff("tenants:create"),
            Id::None,
            201,
            14,
        )
        .body(new_tenant)
        .foreign(Foreign::Refused),
        route(
            "GET",
            "/admin/tenants/{id}",
            Staff("tenants:read"),
            Id::Tenant,
            200,
            1,
        ),
        route(
            "PATCH",
            "/admin/tenants/{id}",
            Staff("tenants:update"),
            Id::Tenant,
            200,
            6,
        )
        .body(|_| json!({"locale": "fr"})),
        route(
            "POST",
            "/admin/tenants/{id}/suspend",
            Staff("tenants:update"),
            Id::Tenant,
            200,
            5,
        ),
        route(
            "POST",
            "/admin/tenants/{id}/resume",
            Staff("tenants:update"),
            Id::Tenant,
            200,
            5,
        ),
        route(
            "POST",
            "/admin/keys/rotate",
            Staff("keys:rotate"),
            Id::None,
            202,
            6,
        )
        .body(nothing)
        .foreign(Foreign::Refused),
        route("GET", "/clients", May("clients:read"), Id::None, 200, 1),
        route("POST", "/clients", May("clients:create"), Id::None, 201, 4)
            .body(|_| json!({"name": "Robot", "scopes": ["users:read"]})),
        route(
            "GET",
            "/clients/{id}",
            May("clients:read"),
            Id::Client,
            200,
            1,
        ),
        route(
            "PATCH",
            "/clients/{id}",
            May("clients:update"),
            Id::Client,
            200,
            5,
        )
        .body(|_| json!({"name": "Renamed"})),
        route(
            "POST",
            "/clients/{id}/rotate-secret",
            May("clients:update"),
            Id::Client,
            200,
            5,
        ),
        route(
            "DELETE",
            "/clients/{id}",
            May("clients:delete"),
            Id::Client,
            204,
            4,
        ),
        route("GET", "/users/me/identities", Person, Id::None, 200, 1),
        route(
            "DELETE",
            "/users/me/identities/{id}",
            Person,
            Id::Identity,
            204,
            6,
        ),
        route(
            "GET",
            "/oauth-providers",
            May("oauth_providers:read"),
            Id::None,
            200,
            1,
        ),
        route(
            "POST",
            "/oauth-providers",
            May("oauth_providers:write"),
            Id::None,
            201,
            5,
        )
        .body(|ids| new_provider(ids.n + 1_000)),
        route(
            "GET",
            "/oauth-providers/{id}",
            May("oauth_providers:read"),
            Id::Provider,
            200,
            1,
        ),
        route(
            "PATCH",
            "/oauth-providers/{id}",
            May("oauth_providers:write"),
            Id::Provider,
            200,
            5,
        )
        .body(|_| json!({"enabled": false})),
        route(
            "DELETE",
            "/oauth-providers/{id}",
            May("oauth_providers:write"),
            Id::Provider,
            204,
            5,
        ),
        route("GET", "/auth/oauth/providers", Public, Id::None, 200, 1)
            .query("?tenant={tenant}")
            .foreign(Foreign::Proof),
        route(
            "GET",
            "/auth/oauth/{provider}/start",
            Public,
            Id::None,
            200,
            2,
        )
        .query("?mode=json&tenant={tenant}")
        .foreign(Foreign::Proof),
        route(
            "GET",
            "/auth/oauth/{provider}/authorize",
            Public,
            Id::None,
            302,
            2,
        )
        .query("?tenant={tenant}")
        .foreign(Foreign::Proof),
        route(
            "POST",
            "/auth/oauth/{provider}/link",
            Person,
            Id::None,
            200,
            3,
        ),
        // What comes back belongs to a state, which these have not; sign-ins that succeed are in `oauth.rs`.
        route(
            "GET",
            "/auth/oauth/{provider}/callback",
            Public,
            Id::None,
            400,
            1,
        )
        .query("?code=x&state=y")
        .foreign(Foreign::Proof),
        route(
            "POST",
            "/auth/oauth/{provider}/callback",
            Public,
            Id::None,
            400,
            1,
        )
        .body(|_| json!("code=x&state=y"))
        .foreign(Foreign::Proof),
        route("POST", "/auth/oauth/exchange", Public, Id::None, 400, 1)
            .body(|_| json!({"exchange": "bot_x"}))
            .foreign(Foreign::Proof),
        route("POST", "/auth/oauth/choose", Public, Id::None, 400, 3)
            .body(|ids| json!({"choice_token": "bot_x", "tenant": ids.tenant}))
            .foreign(Foreign::Proof),
        route("POST", "/oauth2/token", Public, Id::None, 200, 3)
            .body(|ids| form(ids, "grant_type=client_credentials"))
            .foreign(Foreign::Proof),
        route("POST", "/oauth2/introspect", Public, Id::None, 200, 3)
            .body(|ids| form(ids, &format!("token={}", ids.access)))
            .foreign(Foreign::Proof),
        route("POST", "/oauth2/revoke", Public, Id::None, 200, 4)
            .body(|ids| json!(format!("token={}", ids.access)))
            .foreign(Foreign::Proof),
        // Last: afterwards there is no tenant to call in.
        route("DELETE", "/tenant", May("tenant:delete"), Id::None, 202, 7).ends(),
        route(
            "DELETE",
            "/admin/tenants/{id}",
            Staff("tenants:delete"),
            Id::Tenant,
            202,
            6,
        ),
    ]
};
