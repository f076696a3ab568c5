//! A small HTTP client.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

type Http = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

/// Sends requests to one node, with one key or none.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http,
    to: SocketAddr,
    key: Option<String>,
}

/// One answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One request before it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: &str, path: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub(crate) fn text(mut self, kind: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }
}

impl Client {
    pub(crate) fn new(to: SocketAddr) -> Self {
        Self {
            http: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(),
            to,
            key: None,
        }
    }

    /// The same connections with this key.
    pub(crate) fn with(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// What the node answers, or `None` where it broke the connection.
    pub(crate) async fn try_send(&self, call: &Call) -> Option<Answer> {
        let uri = format!("http://{}{}", self.to, call.path);
        let mut request = Request::builder().method(call.method.as_str()).uri(uri);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
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
    pub(crate) fn send(&self, call: Call) -> impl Future<Output = Answer> + Send + use<> {
        let client = self.clone();
        async move {
            let answer = client.try_send(&call).await;
            answer.unwrap_or_else(|| panic!("no answer to {} {}", call.method, call.path))
        }
    }

    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("GET", path))
    }

    pub(crate) fn post(
        &self,
        path: &str,
        body: &Value,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("POST", path).json(body))
    }

    pub(crate) fn patch(
        &self,
        path: &str,
        body: &Value,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.send(Call::new("PATCH", path).json(body))
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The body, after the status was looked at.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// A refusal with this status and the last part of this code.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) -> Value {
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

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many statements the database answered for this request.
    #[track_caller]
    pub(crate) fn statements(&self) -> u64 {
        let text = self.header("server-timing").unwrap_or_default();
        let (_, rest) = text
            .split_once("desc=\"")
            .unwrap_or_else(|| panic!("no statements in {text:?}"));
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}
