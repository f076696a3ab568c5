//! Routes by which people ask for a mail, and show the token that was in it.
//!
//! Those who ask hear the same whatever they ask about: that is done by a job (see `logic/mail.rs`).

use axum::extract::State;
use axum::response::Response;
use brisk_http::{Caller, Json, Problem, ProblemBody};
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{answer, public};
use super::cookies::Cookies;
use super::device::From as Device;
use super::home;
use crate::error::Error;
use crate::logic::invitation::{self, Acceptance};
use crate::logic::mail::{Errand, ask, named};
use crate::logic::session::Granted;
use crate::logic::{address, recovery};
use crate::state::IdentityState;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(forgot))
        .routes(routes!(reset))
        .routes(routes!(ask_for_proof))
        .routes(routes!(verify))
        .routes(routes!(accept))
        .routes(routes!(tenants))
}

/// Whose account it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    email: String,
    /// The tenant's slug or number; without one, every account of the address is meant.
    tenant: Option<String>,
}

/// Mails a link by which a new password can be set, where the address is known; the answer is the same where it is not.
#[utoipa::path(
    post,
    path = "/auth/password/forgot",
    tag = "auth",
    operation_id = "forgot_password",
    request_body = AccountBody,
    responses((status = 202, description = "Whatever the address"), (status = 429, body = ProblemBody))
)]
async fn forgot(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    Json(body): Json<AccountBody>,
) -> Result<StatusCode, Problem> {
    let errand = named(&body.email, body.tenant)
        .map(|(email, tenant)| Errand::PasswordForgotten { email, tenant });
    ask(&state, &public(&caller), errand, &device).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The token of a mail and the new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    token: String,
    /// 12 to 128 characters; no rules about kinds of characters.
    new_password: String,
}

/// Sets a new password with the token of a mail. It counts once; all sessions end.
#[utoipa::path(
    post,
    path = "/auth/password/reset",
    tag = "auth",
    operation_id = "reset_password",
    request_body = ResetBody,
    responses(
        (status = 204),
        (status = 400, body = ProblemBody, description = "The token is invalid or expired"),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn reset(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, Problem> {
    let (token, new) = (&body.token, &body.new_password);
    recovery::reset(&state, &public(&caller), token, new, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose address it is; nothing for the caller's own.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofBody {
    email: Option<String>,
    /// The tenant's slug or number; without one, every account of the address is meant.
    tenant: Option<String>,
}

/// Mails the link again that proves an address: the caller's own, or the one that is named. The answer is the same whether or
/// not anybody has it.
#[utoipa::path(
    post,
    path = "/auth/email/verify/request",
    tag = "auth",
    operation_id = "request_email_verification",
    request_body = ProofBody,
    responses(
        (status = 202, description = "Whatever the address"),
        (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    )
)]
async fn ask_for_proof(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    body: Option<Json<ProofBody>>,
) -> Result<StatusCode, Problem> {
    let Json(body) = body.unwrap_or_default();
    let is_known = caller.principal().sign_in.is_some();
    match body.email {
        Some(email) => {
            let errand = named(&email, body.tenant)
                .map(|(email, tenant)| Errand::ProofWanted { email, tenant });
            ask(&state, &public(&caller), errand, &device).await?;
        }
        None if is_known => {
            let scope = caller.scope(home(&caller)?);
            address::ask_again(&state, &scope, &device).await?;
        }
        None => {
            let message = "is needed where nobody has signed in";
            return Err(Error::field("email", "required", message).into());
        }
    }
    Ok(StatusCode::ACCEPTED)
}

/// The token of a mail.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    token: String,
}

/// Proves an address with the token of a mail; the token of a mail about another address changes the address too. Shown again
/// within its life it is answered the same.
#[utoipa::path(
    post,
    path = "/auth/email/verify",
    tag = "auth",
    operation_id = "verify_email",
    request_body = TokenBody,
    responses(
        (status = 204),
        (status = 400, body = ProblemBody, description = "The token is invalid or expired"),
        (status = 409, body = ProblemBody, description = "Somebody in the tenant has the new address by now"),
        (status = 429, body = ProblemBody),
    )
)]
async fn verify(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    Json(body): Json<TokenBody>,
) -> Result<StatusCode, Problem> {
    address::verify(&state, &public(&caller), &body.token, &device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody who was invited.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptBody {
    token: String,
    /// 12 to 128 characters; no rules about kinds of characters.
    password: String,
    full_name: String,
}

/// Takes an invitation up with the token of a mail, and signs in.
#[utoipa::path(
    post,
    path = "/auth/invitations/accept",
    tag = "auth",
    operation_id = "accept_invitation",
    request_body = AcceptBody,
    responses(
        (status = 200, body = Granted),
        (status = 400, body = ProblemBody, description = "The token is invalid or expired"),
        (status = 403, body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody),
    )
)]
async fn accept(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    cookies: Cookies,
    Json(body): Json<AcceptBody>,
) -> Result<Response, Problem> {
    let said = Acceptance {
        token: &body.token,
        password: &body.password,
        full_name: &body.full_name,
    };
    let (mut granted, email) = invitation::accept(&state, &public(&caller), said, &device).await?;
    let ok = StatusCode::OK;
    let mut response = answer(&state, &cookies, ok, Some(&mut granted), |granted| granted);
    cookies.know_device(&state, &email, response.headers_mut())?;
    Ok(response)
}

/// Whose tenants.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LookupBody {
    email: String,
}

/// Mails the list of the workspaces that an address belongs to; the answer is the same where there are none.
#[utoipa::path(
    post,
    path = "/auth/tenants/lookup",
    tag = "auth",
    operation_id = "lookup_tenants",
    request_body = LookupBody,
    responses((status = 202, description = "Whatever the address"), (status = 429, body = ProblemBody))
)]
async fn tenants(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    Json(body): Json<LookupBody>,
) -> Result<StatusCode, Problem> {
    let errand = named(&body.email, None).map(|(email, _)| Errand::TenantsForgotten { email });
    ask(&state, &public(&caller), errand, &device).await?;
    Ok(StatusCode::ACCEPTED)
}
