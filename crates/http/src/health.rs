//! Whether this process lives, and whether it can serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use serde::Serialize;

use crate::Json;

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// One thing that this process depends on.
#[derive(Clone)]
pub struct HealthCheck {
    name: &'static str,
    required: bool,
    timeout: Duration,
    probe: Probe,
}

impl std::fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthCheck")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl HealthCheck {
    /// A check without which the process is not ready. The probe's error is a word for operators, without secrets.
    pub fn required<F, P>(name: &'static str, timeout: Duration, probe: P) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
        P: Fn() -> F + Send + Sync + 'static,
    {
        let probe: Probe = Arc::new(move || Box::pin(probe()));
        Self {
            name,
            required: true,
            timeout,
            probe,
        }
    }

    /// A check that is shown only: the process serves without it, perhaps slower.
    pub fn optional<F, P>(name: &'static str, timeout: Duration, probe: P) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
        P: Fn() -> F + Send + Sync + 'static,
    {
        Self {
            required: false,
            ..Self::required(name, timeout, probe)
        }
    }

    async fn run(&self) -> (&'static str, bool, String) {
        match tokio::time::timeout(self.timeout, (self.probe)()).await {
            Ok(Ok(())) => (self.name, true, "ok".to_owned()),
            Ok(Err(why)) => (self.name, !self.required, why),
            Err(_) => (self.name, !self.required, "timeout".to_owned()),
        }
    }
}

/// The body of `/health/ready`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Ready {
    /// `ready` or `not_ready`.
    pub status: &'static str,
    /// By check: `ok`, or what is wrong.
    pub checks: BTreeMap<&'static str, String>,
}

impl Ready {
    /// Runs all checks at the same time, each within its timeout.
    pub async fn of(checks: &[HealthCheck]) -> Self {
        let outcomes = join_all(checks.iter().map(HealthCheck::run)).await;
        let good = outcomes.iter().all(|(_, good, _)| *good);
        Self {
            status: if good { "ready" } else { "not_ready" },
            checks: outcomes
                .into_iter()
                .map(|(name, _, word)| (name, word))
                .collect(),
        }
    }
}

impl IntoResponse for Ready {
    fn into_response(self) -> Response {
        let status = if self.status == "ready" {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(self)).into_response()
    }
}
