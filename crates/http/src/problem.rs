//! Problem documents (RFC 9457), the one form of every error answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use brisk_core::{Class, Failure, FieldError, RequestId};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

/// The code of every answer to a token that does not count.
const INVALID_TOKEN: &str = "invalid-token";

/// The code of an answer to who has to prove again who it is.
const REAUTHENTICATE: &str = "reauthentication-required";

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The status code of a class; the only place that knows both.
pub const fn status_of(class: Class) -> StatusCode {
    match class {
        Class::Malformed => StatusCode::BAD_REQUEST,
        Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Class::Conflict => StatusCode::CONFLICT,
        Class::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Class::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Class::Upstream => StatusCode::BAD_GATEWAY,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error answer in the making.
///
/// Any [`Failure`] becomes one by `?`. The pipeline adds the request's id and logs the chain of a 5xx once.
#[derive(Clone, Debug)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    extra: Vec<(&'static str, Value)>,
    allow: Option<HeaderValue>,
    chain: Option<String>,
}

impl Problem {
    /// A problem of that class; `detail` is a sentence that is safe for the client. One that passes by itself says to
    /// come back in a second.
    pub fn new(
        class: Class,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner {
            status: status_of(class),
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: match class {
                Class::Unavailable | Class::RateLimited => Some(Duration::from_secs(1)),
                _ => None,
            },
            extra: Vec::new(),
            allow: None,
            chain: None,
        }))
    }

    /// A 422 about fields; its code is that of the first one.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let first = errors.first();
        let code = first.map_or(Cow::Borrowed("invalid"), |e| e.code.clone());
        let detail = match (first, errors.len()) {
            (Some(e), 1) => format!("{}: {}", e.field, e.message),
            (_, n) => format!("{n} fields cannot be accepted"),
        };
        let mut problem = Self::new(Class::Invalid, code, detail);
        problem.0.errors = errors;
        problem
    }

    /// Nobody known asks where somebody must.
    pub fn unauthenticated() -> Self {
        Self::new(
            Class::Unauthenticated,
            "unauthenticated",
            "this needs a caller that is known; send a token or a key",
        )
    }

    /// A token was shown that does not count; which check it failed is for the log.
    pub fn invalid_token() -> Self {
        Self::new(
            Class::Unauthenticated,
            INVALID_TOKEN,
            "the token is not valid, or not any more",
        )
    }

    /// The caller is known, and has to prove again who it is.
    pub fn reauthenticate() -> Self {
        Self::new(
            Class::Unauthenticated,
            REAUTHENTICATE,
            "sign in again: this needs a sign-in of the last five minutes",
        )
    }

    /// The caller is known and may not.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::Forbidden, "forbidden", detail)
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds a member to the document: a text, a list, an object.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.extra.push((name, value.into()));
        self
    }

    /// What the log should know and the client should not.
    #[must_use]
    pub fn because(mut self, chain: impl Into<String>) -> Self {
        self.0.chain = Some(chain.into());
        self
    }

    pub(crate) fn allowing(mut self, methods: Option<HeaderValue>) -> Self {
        self.0.allow = methods;
        self
    }

    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Each wrong field.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// What the document is to say.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// A text that was added to the document as a member.
    pub fn member(&self, name: &str) -> Option<&str> {
        let found = self.0.extra.iter().find(|(of, _)| *of == name);
        found.and_then(|(_, value)| value.as_str())
    }

    /// The same under another class, for a contract that sorts it so.
    #[must_use]
    pub fn as_class(mut self, class: Class) -> Self {
        self.0.status = status_of(class);
        self
    }

    /// What the log is told and the client is not.
    pub fn chain(&self) -> Option<&str> {
        self.0.chain.as_deref()
    }

    /// The answer, with the request's id where it is known.
    pub(crate) fn render(
        &self,
        request_id: Option<&RequestId>,
        own: Option<OwnMembers>,
    ) -> Response {
        let inner = &*self.0;
        let mut members = serde_json::Map::new();
        members.insert(
            "type".to_owned(),
            format!("urn:brisk:problem:{}", inner.code).into(),
        );
        members.insert("title".to_owned(), title(inner.status).into());
        members.insert("status".to_owned(), inner.status.as_u16().into());
        members.insert("detail".to_owned(), inner.detail.as_ref().into());
        members.insert("code".to_owned(), inner.code.as_ref().into());
        if let Some(id) = request_id {
            members.insert("request_id".to_owned(), id.0.as_ref().into());
            members.insert("trace_id".to_owned(), id.0.as_ref().into());
        }
        let errors = inner.errors.iter().map(pointed).collect::<Vec<_>>();
        members.insert("errors".to_owned(), errors.into());
        for (name, value) in &inner.extra {
            members.insert((*name).to_owned(), value.clone());
        }
        if let Some(OwnMembers(own)) = own {
            members.extend(own(self, request_id));
        }
        let body = serde_json::to_vec(&members).expect("a map of texts and numbers is JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = inner.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(wait) = inner.retry_after {
            // Rounded up: a client that comes back early is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if inner.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, challenge(&inner.code));
        }
        if let Some(allow) = &inner.allow {
            headers.insert(ALLOW, allow.clone());
        }
        response
    }
}

/// What a service adds to every problem document of its routes, the pipeline's own too: for clients that were written for an
/// older form.
#[derive(Clone, Copy, Debug)]
pub struct OwnMembers(pub fn(&Problem, Option<&RequestId>) -> serde_json::Map<String, Value>);

impl PartialEq for OwnMembers {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

impl<F: Failure> From<F> for Problem {
    fn from(failure: F) -> Self {
        let class = failure.class();
        let mut problem = Self::new(class, failure.code(), failure.detail());
        problem.0.errors = failure.fields();
        problem.0.retry_after = failure.retry_after();
        let extra = failure.extra().into_iter();
        problem.0.extra = extra.map(|(name, text)| (name, text.into())).collect();
        if problem.0.status.is_server_error() {
            problem.0.chain = Some(chain_of(&failure));
        }
        problem
    }
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(None, None);
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The members of a problem document, for the OpenAPI document.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// `urn:brisk:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: String,
    /// A stable word to act on.
    pub code: String,
    /// The id to name when asking for help.
    pub request_id: String,
    /// Each wrong field.
    pub errors: Vec<ProblemField>,
}

/// One wrong field.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemField {
    /// The field's path as it was sent: `reports[3].description`.
    pub field: String,
    /// A stable word for the kind of mistake.
    pub code: String,
    /// What to mend.
    pub message: String,
}
/// A field error with the field's JSON pointer (RFC 6901) beside its path.
fn pointed(error: &FieldError) -> Value {
    let mut pointer = String::with_capacity(error.field.len() + 1);
    let parts = error
        .field
        .split(['.', '[', ']'])
        .filter(|part| !part.is_empty());
    for part in parts {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    let FieldError {
        field,
        code,
        message,
    } = error;
    serde_json::json!({ "field": field, "pointer": pointer, "code": code, "message": message })
}

/// What a client that was refused is told to do (RFC 6750 and RFC 9470).
fn challenge(code: &str) -> HeaderValue {
    HeaderValue::from_static(match code {
        INVALID_TOKEN => r#"Bearer realm="brisk", error="invalid_token""#,
        REAUTHENTICATE => {
            r#"Bearer realm="brisk", error="insufficient_user_authentication", max_age=300"#
        }
        _ => r#"Bearer realm="brisk""#,
    })
}
