//! Asking providers, within bounds: no redirects, little time, few bytes.

use std::time::Duration;

use brisk_config::Secret;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::error::Error;

/// The longest time until a connection stands.
const CONNECT: Duration = Duration::from_secs(3);

/// Bytes of the largest answer that is read.
const LARGEST: usize = 256 * 1024;

/// The client that all providers share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outbound(Client);

/// An answer in JSON.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Outbound {
    /// One call ends after `total`.
    ///
    /// # Errors
    ///
    /// Where the system has no roots of trust.
    pub(crate) fn new(total: Duration) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .user_agent("brisk")
            .connect_timeout(CONNECT)
            .timeout(total)
            .redirect(Policy::none())
            .build();
        client.map(Self)
    }

    /// Sends a form; `basic` is our name and secret where they go into the header.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] for everything but an answer in JSON.
    pub(super) async fn post(
        &self,
        url: &str,
        basic: Option<(&str, &Secret)>,
        form: &[(&str, &str)],
    ) -> Result<Reply, Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = self
            .0
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body);
        if let Some((id, secret)) = basic {
            // Each is encoded as in a form before (RFC 6749, section 2.3.1).
            let encoded = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            request = request.basic_auth(encoded(id), Some(encoded(secret.expose())));
        }
        answered(request).await
    }

    /// Asks with somebody's access token.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] for everything but an answer in JSON.
    pub(super) async fn get(&self, url: &str, access_token: &str) -> Result<Value, Error> {
        let request = self.0.get(url).header("accept", "application/json");
        let reply = answered(request.bearer_auth(access_token)).await?;
        if reply.status != StatusCode::OK {
            return Err(Error::Provider("it did not say who somebody is"));
        }
        Ok(reply.body)
    }
}

/// The answer; asked for once more only where no connection came about, so that nothing is sent twice.
async fn answered(request: RequestBuilder) -> Result<Reply, Error> {
    let again = request.try_clone();
    let mut sent = request.send().await;
    if let (Err(error), Some(again)) = (&sent, again)
        && error.is_connect()
    {
        sent = again.send().await;
    }
    // The library's own words would name the address, and in it what was sent.
    let silent = |error: reqwest::Error| {
        tracing::warn!(error = %error.without_url(), "a provider did not answer");
        Error::Provider("it did not answer")
    };
    let mut response = sent.map_err(silent)?;
    let status = response.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(silent)? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(Error::Provider("its answer is larger than 256 KiB"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let body = serde_json::from_slice(&bytes);
    let body = body.map_err(|_any| Error::Provider("its answer is not JSON"))?;
    Ok(Reply { status, body })
}
