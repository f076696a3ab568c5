//! Each request goes into the audit log, whatever comes of it.

use std::sync::Arc;

use axum::extract::{OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use brisk_db::Json;
use brisk_http::{Exchange, Problem};
use http::header::USER_AGENT;
use http::{HeaderMap, Uri};
use serde_json::{Map, Value};

use super::known::Place;
use crate::logic::audit::ActionRow;
use crate::model::action::{Outcome, sanitised};
use crate::state::CatalogState;

/// The longest resource that an entry has, in characters.
const LONGEST_RESOURCE: usize = 500;

/// The longest name of a program, in characters.
const LONGEST_AGENT: usize = 1_000;

pub(super) async fn noted(
    State(state): State<CatalogState>,
    OriginalUri(uri): OriginalUri,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(exchange) = request.extensions().get::<Arc<Exchange>>().cloned() else {
        return next.run(request).await;
    };
    let timestamp = state.clock.now();
    let action_type = request.method().as_str().to_owned();
    let user_agent = user_agent(request.headers());
    let place = Place::default();
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    let problem = response.extensions().get::<Arc<Problem>>();
    let caller = &exchange.principal;
    let took = state.clock.now().duration_since(timestamp);
    let row = ActionRow {
        tenant_id: caller.tenant.or_else(|| place.tenant()),
        timestamp,
        user_id: caller.subject.clone(),
        username: caller.subject.clone(),
        user_roles: Json(caller.permissions.iter().map(str::to_owned).collect()),
        action_type,
        resource: uri.path().chars().take(LONGEST_RESOURCE).collect(),
        outcome: Outcome::of_status(response.status().as_u16()),
        ip_address: Some(exchange.client.to_string()),
        user_agent,
        request_id: Some(exchange.request_id.0.to_string()),
        request_data: parameters(&uri),
        response_status: Some(response.status().as_u16().into()),
        error_message: problem.map(|problem| problem.code().to_owned()),
        duration_ms: i64::try_from(took.as_millis()).ok(),
    };
    state.audit.note(row).await;
    response
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(LONGEST_AGENT).collect())
}

/// The parameters of the query, without secrets.
fn parameters(uri: &Uri) -> Option<Json<Value>> {
    let query = uri.query().filter(|query| !query.is_empty())?;
    let pairs = form_urlencoded::parse(query.as_bytes());
    // PostgreSQL keeps no NUL in its JSON.
    let pairs = pairs.map(|(name, value)| (name.replace('\0', ""), value.replace('\0', "").into()));
    Some(Json(sanitised(Value::Object(pairs.collect::<Map<_, _>>()))))
}
