//! A small HTTP client that says what it met.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

type Http = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

/// Sends requests to one node, with one credential or none.
#[derive(Clone)]
pub struct Client {
    http: Http,
    to: SocketAddr,
    credential: Option<(&'static str, String)>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// One answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, read whole.
    pub body: Bytes,
}

/// One request before it is sent.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Call {
    /// A call without a body.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            ..Self::default()
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of that content type.
    #[must_use]
    pub fn text(mut self, kind: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }
}

impl Client {
    /// A client of the node at this address.
    pub fn new(to: SocketAddr) -> Self {
        Self {
            http: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(),
            to,
            credential: None,
        }
    }

    /// The same connections with this API key.
    #[must_use]
    pub fn with(&self, key: &str) -> Self {
        Self {
            credential: Some(("x-api-key", key.to_owned())),
            ..self.clone()
        }
    }

    /// The same connections with this access token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        Self {
            credential: Some(("authorization", format!("Bearer {token}"))),
            ..self.clone()
        }
    }

    /// What the node answers, or `None` where it broke the connection.
    pub async fn try_send(&self, call: &Call) -> Option<Answer> {
        let uri = format!("http://{}{}", self.to, call.path);
        let mut request = Request::builder().method(call.method.as_str()).uri(uri);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some((name, value)) = &self.credential {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(call.body.clone())).unwrap();
        let response = self.http.request(request).await.ok()?;
        let (head, body) = response.into_parts();
        Some(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await.ok()?.to_bytes(),
        })
    }

    /// What the node answers; what is borrowed here may be gone before it does.
    pub fn send(&self, call: Call) -> impl Future<Output = Answer> + Send + use<> {
        let client = self.clone();
        async move {
            let answer = client.try_send(&call).await;
            answer.unwrap_or_else(|| panic!("no answer to {} {}", call.method, call.path))
        }
    }

    /// Sends a GET.
    pub fn get(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("GET", path))
    }

    /// Sends a POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("POST", path).json(body))
    }

    /// Sends a PUT with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("PUT", path).json(body))
    }

    /// Sends a DELETE.
    pub fn delete(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("DELETE", path))
    }

    /// Sends a PATCH with a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("PATCH", path).json(body))
    }
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The body, after the status was looked at.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// A refusal with this status and the last part of this code.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) -> Value {
        let body = self.assert_status(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let found = body["code"].as_str().unwrap_or_default();
        assert_eq!(found.rsplit('.').next(), Some(code), "{body}");
        assert!(body["request_id"].is_string(), "{body}");
        body
    }

    /// The first header of that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many statements the database answered for this request.
    #[track_caller]
    pub fn statements(&self) -> u64 {
        let text = self.header("server-timing").unwrap_or_default();
        let (_, rest) = text
            .split_once("desc=\"")
            .unwrap_or_else(|| panic!("no statements in {text:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}
