//! A credential that outlives its request, for connections that stay open.

use std::fmt;
use std::sync::Arc;

use brisk_core::{Class, Deadline, Ledger, Principal, Scope, TenantId};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Request};

use crate::{Authenticate, Exchange, Problem};

/// A token that did not come in the head of a request, and can be asked about again and again.
#[derive(Clone)]
pub struct Bearer {
    parts: Arc<Parts>,
    authenticate: Arc<dyn Authenticate>,
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Bearer {
    /// Whom the credential speaks for now. What was known a moment ago costs no statement, so this may be asked often; it
    /// is the check of every request, and hears of a lost right as soon as that does.
    ///
    /// # Errors
    ///
    /// A 401 or 403 when it speaks for nobody any more, another class when that cannot be found out before `deadline`.
    pub async fn principal(&self, deadline: Deadline) -> Result<Arc<Principal>, Problem> {
        let scope = Scope::new(
            TenantId::PLATFORM,
            Arc::new(Principal::anonymous()),
            deadline,
            Arc::new(Ledger::default()),
        );
        let asked = self.authenticate.authenticate(&self.parts, &scope);
        match deadline.instant() {
            None => asked.await,
            Some(end) => tokio::time::timeout_at(end.into(), asked)
                .await
                .unwrap_or_else(|_late| Err(unknown())),
        }
    }
}

fn unknown() -> Problem {
    Problem::new(
        Class::Unavailable,
        "unavailable",
        "who asks cannot be found out now",
    )
}

impl Exchange {
    /// A credential as it would stand in `Authorization`, for the one who checks those of requests.
    ///
    /// # Errors
    ///
    /// A 401 where no header could carry it.
    pub fn bearer(&self, authorization: &str) -> Result<Bearer, Problem> {
        let value = HeaderValue::from_str(authorization);
        let mut value = value.map_err(|_no_header| Problem::invalid_token())?;
        value.set_sensitive(true);
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.headers.insert(AUTHORIZATION, value);
        Ok(Bearer {
            parts: Arc::new(parts),
            authenticate: Arc::clone(&self.authenticate),
        })
    }
}
