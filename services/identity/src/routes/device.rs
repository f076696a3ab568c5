//! Where a request comes from, for sessions and the audit log.

use axum::extract::FromRequestParts;
use brisk_http::{Exchange, Problem};
use http::header::USER_AGENT;
use http::request::Parts;

use crate::model::audit::Device;

/// The device of this request.
pub(super) struct From(pub(super) Device);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let exchange = Exchange::of(parts)?;
        let agent = parts
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Self(Device::new(
            exchange.client,
            agent,
            &exchange.request_id.0,
        )))
    }
}
