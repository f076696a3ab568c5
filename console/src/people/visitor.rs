//! Whoever looks at a page, and asks the API in its own name.

use axum::body::Body;
use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, FORWARDED, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;

use super::People;
use super::asked::{Answer, html, to_sign_in};
use super::cookies::{Tokens, set};

/// Where the service of accounts stands.
const IDENTITY: &str = "/identity";

/// The largest answer that a page is made of.
const LARGEST: usize = 4 << 20;

/// Headers that say where the visitor comes from.
const PASSED_ON: [HeaderName; 3] = [
    USER_AGENT,
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
];

/// Whoever looks at a page.
pub(super) struct Visitor {
    people: People,
    tokens: Tokens,
    /// What was granted while the page was made: it goes out with the page.
    granted: Option<[i64; 2]>,
    peer: Option<ConnectInfo<SocketAddr>>,
    headers: HeaderMap,
    /// The page's path and query.
    pub(super) here: String,
}

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    People: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let people = People::from_ref(state);
        let mut headers = HeaderMap::new();
        for name in PASSED_ON {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            tokens: Tokens::of(&people, &parts.headers),
            people,
            granted: None,
            peer: parts.extensions.get::<ConnectInfo<SocketAddr>>().copied(),
            headers,
            here: here.to_owned(),
        })
    }
}

impl Visitor {
    /// Whether the visitor shows that it has signed in; whether that still counts is for the API to say.
    pub(super) const fn is_known(&self) -> bool {
        self.tokens.access.is_some() || self.tokens.refresh.is_some()
    }

    /// Asks the API; an access token that has ended is renewed once on the way.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        if self.tokens.access.is_none() && self.tokens.refresh.is_some() {
            self.renew().await;
        }
        let answer = self.send(method.clone(), path, body.clone(), true).await;
        if answer.status == StatusCode::UNAUTHORIZED
            && answer.text("code") == "invalid-token"
            && self.tokens.refresh.is_some()
            && self.renew().await
        {
            return self.send(method, path, body, true).await;
        }
        answer
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// Asks without saying who it is.
    pub(super) async fn ask_as_nobody(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), false).await
    }

    /// Takes what the API gave out, to go out with the page.
    pub(super) fn take(&mut self, answer: &Answer) -> bool {
        match Tokens::granted(&answer.body) {
            Some((tokens, lives)) => {
                self.tokens = tokens;
                self.granted = Some(lives);
                true
            }
            None => false,
        }
    }

    async fn renew(&mut self) -> bool {
        let Some(token) = self.tokens.refresh.take() else {
            return false;
        };
        let answer = self
            .ask_as_nobody("/auth/refresh", json!({ "refresh_token": token }))
            .await;
        self.tokens.access = None;
        self.granted = Some([0, 0]);
        answer.status.is_success() && self.take(&answer)
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>, known: bool) -> Answer {
        let mut request = Request::new(
            body.as_ref()
                .map_or_else(Body::empty, |body| Body::from(body.to_string())),
        );
        *request.method_mut() = method;
        *request.uri_mut() = format!("{IDENTITY}{path}").parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = self.tokens.access.as_ref().filter(|_| known)
            && let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}"))
        {
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        let response = self.people.api.call(request).await;
        let status = response.status();
        let bytes = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = bytes
            .ok()
            .and_then(|all| serde_json::from_slice(&all.to_bytes()).ok());
        Answer {
            status,
            body: body.unwrap_or(Value::Null),
        }
    }

    /// The answer with what was granted or taken away meanwhile.
    pub(super) fn with_cookies(&self, mut response: Response) -> Response {
        if let Some(lives) = self.granted {
            let tokens = self
                .tokens
                .access
                .is_some()
                .then_some((&self.tokens, lives));
            set(&self.people, response.headers_mut(), tokens);
        }
        response
    }

    /// The page, for this visitor.
    pub(super) fn page(&self, status: StatusCode, page: &impl askama::Template) -> Response {
        let text = page.render().expect("writing to a string does not fail");
        self.with_cookies(html(status, text))
    }

    /// What is shown where the API said no.
    pub(super) fn instead(&self, answer: &Answer) -> Response {
        self.with_cookies(answer.instead(&self.here))
    }

    /// To the sign-in, and back here after it.
    pub(super) fn to_sign_in(&self) -> Response {
        self.with_cookies(to_sign_in(&self.here))
    }

    /// Forgets who it was.
    pub(super) fn forget(&mut self) {
        self.tokens = Tokens::default();
        self.granted = Some([0, 0]);
    }
}
