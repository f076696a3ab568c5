//! A lean HTTP/1.1 caller: one kept connection, no redirects, no cookies, no compression.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Caller;

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Bytes,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: body.to_string().into(),
        }
    }
}

/// A connection with what each question carries.
#[derive(Debug)]
pub(crate) struct HttpCaller<F> {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    key: Option<HeaderValue>,
    next: Arc<F>,
    turn: u64,
    step: u64,
}

/// `count` callers of the server at `address`; `next` answers what to ask at the given turn, which no other caller has.
pub(crate) async fn callers<F>(
    address: SocketAddr,
    key: Option<&str>,
    count: usize,
    next: F,
) -> Result<Vec<HttpCaller<F>>>
where
    F: Fn(u64) -> Ask + Send + Sync + 'static,
{
    let next = Arc::new(next);
    let mut all = Vec::with_capacity(count);
    for turn in 0..count {
        all.push(HttpCaller {
            sender: connect(address).await?,
            host: HeaderValue::from_str(&address.to_string())?,
            key: key.map(HeaderValue::from_str).transpose()?,
            next: Arc::clone(&next),
            turn: turn as u64,
            step: count as u64,
        });
    }
    Ok(all)
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address)
        .await
        .context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with the sender; what ended it is seen by the question that fails.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

impl<F> HttpCaller<F> {
    /// Asks and answers the status with the whole body.
    pub(crate) async fn ask(&mut self, ask: Ask) -> Result<(u16, Bytes)> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(HOST, &self.host);
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        if !ask.body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.sender.ready().await?;
        let response = self
            .sender
            .send_request(request.body(Full::new(ask.body))?)
            .await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body))
    }
}

impl<F: Fn(u64) -> Ask + Send + Sync + 'static> Caller for HttpCaller<F> {
    async fn call(&mut self) -> Result<()> {
        let ask = (self.next)(self.turn);
        self.turn += self.step;
        let (status, body) = self.ask(ask).await?;
        if !(200..300).contains(&status) {
            bail!(
                "{status}: {}",
                String::from_utf8_lossy(&body[..body.len().min(400)])
            );
        }
        Ok(())
    }
}
