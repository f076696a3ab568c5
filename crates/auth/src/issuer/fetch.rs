//! Asking an issuer for its keys, within bounds.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use crate::config::is_safe;
use crate::error::Error;
use crate::token::{Object, strict};

/// The longest time until a connection stands, and until an answer is there.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);

/// Bytes of the largest document that is read.
const LARGEST: usize = 512 * 1024;

const MOST_REDIRECTS: usize = 3;

/// What went wrong, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// No answer, or none in time.
    #[error("the issuer did not answer")]
    Http(#[from] reqwest::Error),
    /// An answer that is none.
    #[error("the issuer answered with status {0}")]
    Status(StatusCode),
    /// More than anybody needs.
    #[error("the issuer's answer is larger than 512 KiB")]
    TooLarge,
    /// Not what it should be.
    #[error("the issuer's document cannot be used: {0}")]
    Document(&'static str),
}

/// A document that was fetched.
pub(crate) struct Fetched {
    /// None where it has not changed.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) etag: Option<String>,
    pub(crate) max_age: Option<Duration>,
}

/// The client that all issuers share.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher(Client);

impl Fetcher {
    pub(crate) fn new() -> Result<Self, Error> {
        let client = Client::builder()
            .user_agent("brisk")
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(Policy::custom(at_home))
            .build();
        Ok(Self(client.map_err(|e| Error::HttpClient(Arc::new(e)))?))
    }

    /// # Errors
    ///
    /// Any answer but a whole document, or the word that it has not changed since `etag`.
    pub(crate) async fn get(&self, url: &str, etag: Option<&str>) -> Result<Fetched, FetchError> {
        let mut request = self.0.get(url);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let mut response = request.send().await?;
        let (new_etag, max_age) = (header(&response, &ETAG), max_age(&response));
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => {
                return Ok(Fetched {
                    body: None,
                    etag: new_etag.or_else(|| etag.map(str::to_owned)),
                    max_age,
                });
            }
            other => return Err(FetchError::Status(other)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched {
            body: Some(body),
            etag: new_etag,
            max_age,
        })
    }

    /// Where the keys are, by the issuer's own document; that has to be this issuer's.
    pub(crate) async fn discover(&self, url: &str, issuer: &str) -> Result<String, FetchError> {
        let document = self.document(url, issuer).await?;
        let uri = address(&document, "jwks_uri", url)?;
        uri.ok_or(FetchError::Document("it has no jwks_uri"))
    }

    /// The issuer's own document; that has to be this issuer's.
    pub(crate) async fn document(&self, url: &str, issuer: &str) -> Result<Object, FetchError> {
        let fetched = self.get(url, None).await?;
        let body = fetched.body.unwrap_or_default();
        let document = strict(&body).ok_or(FetchError::Document("it is not a JSON object"))?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(FetchError::Document("it is another issuer's"));
        }
        Ok(document)
    }
}

/// An address in a document that came from `url`.
///
/// # Errors
///
/// For one that is not https: an issuer elsewhere must not send us to an address of this machine.
pub(crate) fn address(
    document: &Object,
    name: &str,
    url: &str,
) -> Result<Option<String>, FetchError> {
    let Some(found) = document.get(name).and_then(Value::as_str) else {
        return Ok(None);
    };
    let is_local = url.starts_with("http://");
    if !is_safe(found) || (!is_local && !found.starts_with("https://")) {
        return Err(FetchError::Document("one of its addresses is not https"));
    }
    Ok(Some(found.to_owned()))
}

/// Follows a redirect to the same origin, and to no other.
fn at_home(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = &attempt.previous()[0];
    let next = attempt.url();
    let same = first.scheme() == next.scheme()
        && first.host_str() == next.host_str()
        && first.port_or_known_default() == next.port_or_known_default();
    if same && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        // The redirect itself becomes the answer, which is none.
        attempt.stop()
    }
}

fn header(response: &Response, name: &http::HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

fn max_age(response: &Response) -> Option<Duration> {
    let value = header(response, &CACHE_CONTROL)?.to_ascii_lowercase();
    let mut parts = value.split(',').map(str::trim);
    let seconds = parts.find_map(|part| part.strip_prefix("max-age="))?;
    seconds
        .trim_matches('"')
        .parse()
        .ok()
        .map(Duration::from_secs)
}
