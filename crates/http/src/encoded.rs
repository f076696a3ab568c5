//! Answers that are kept as the bytes that go out, with a strong tag for each encoding.

use std::io::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use brisk_cache::{Cache, CacheKey, Caches, Policy};
use brisk_core::{Class, Failure, Permissions, Role};
use brisk_db::Session;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::Problem;
use crate::etag::matches_etag;

/// Bytes of answers of one kind, unless said otherwise.
const BYTES: u64 = 64 * 1024 * 1024;

/// An answer of fewer bytes is not worth compressing.
const COMPRESS_ABOVE: usize = 1_024;

/// The answers of one handler, kept as they go out until a row changes that they were made of. Cheap to clone.
///
/// For handlers whose answer is a pure function of rows, of the parameters that make up `K` and of what the caller may
/// see. Tenant, role and encoding are a part of each key. A hit writes the kept bytes; where the client has them already
/// it is a 304.
#[derive(Clone, Debug)]
pub struct Answers<K> {
    kept: Cache<AnswerKey<K>, Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AnswerKey<K> {
    parameters: K,
    /// What the caller may see, as far as answers differ by it.
    role: Option<Role>,
    permissions: Permissions,
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Encoding {
    Identity,
    Gzip,
}

/// An answer as it goes out.
#[derive(Clone, Debug)]
struct Answer {
    body: Bytes,
    etag: HeaderValue,
    encoding: Encoding,
}

impl Answer {
    fn new(body: Vec<u8>, encoding: Encoding) -> Self {
        let etag = format!("\"{:032x}\"", xxh3_128(&body));
        Self {
            etag: HeaderValue::try_from(etag)
                .expect("hexadecimal digits in quotes may stand in a header"),
            body: body.into(),
            encoding,
        }
    }

    /// The same with gzip, where that is worth it.
    fn compressed(&self) -> Self {
        if self.body.len() < COMPRESS_ABOVE {
            return self.clone();
        }
        // Once for many readers: the denser level pays.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let written = encoder
            .write_all(&self.body)
            .and_then(|()| encoder.finish());
        match written {
            Ok(body) if body.len() < self.body.len() => Self::new(body, Encoding::Gzip),
            _ => self.clone(),
        }
    }

    fn respond(&self, headers: &HeaderMap) -> Response {
        let is_known = headers.contains_key(http::header::IF_NONE_MATCH)
            && matches_etag(headers, self.etag.to_str().unwrap_or_default());
        let mut response = if is_known {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Body::from(self.body.clone()));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, crate::json::JSON);
            response
        };
        let headers = response.headers_mut();
        if self.encoding == Encoding::Gzip && !is_known {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(ETAG, self.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        response
    }
}

impl<K: CacheKey> Answers<K> {
    /// No answer yet. The name stands in metrics and views: `<service>.<handler>`.
    pub fn new(caches: &Caches, name: &'static str) -> Self {
        Self::with(caches, name, Policy::rows().bytes(BYTES))
    }

    /// The same for answers that also depend on the time: none is older than `span`.
    pub fn fresh_for(caches: &Caches, name: &'static str, span: Duration) -> Self {
        let policy = Policy::rows().bytes(BYTES).fresh_for(span).jitter(0.0);
        Self::with(caches, name, policy)
    }

    /// The same under a policy of one's own.
    pub fn with(caches: &Caches, name: &'static str, policy: Policy) -> Self {
        let kept = caches.cache(name, policy);
        Self {
            kept: kept.weigh(|_, answer: &Answer| answer.body.len()).build(),
        }
    }

    /// The answer for these parameters as JSON: the kept one, or what `make` answers through the session that it is given.
    ///
    /// # Errors
    ///
    /// The failure of `make` as a problem document, and those of [`Cache::get`].
    pub async fn json<T, F, R, E>(
        &self,
        headers: &HeaderMap,
        session: &Session,
        parameters: K,
        make: F,
    ) -> Result<Response, Problem>
    where
        T: Serialize,
        F: FnOnce(Session) -> R + Send + 'static,
        R: Future<Output = Result<T, E>> + Send,
        E: Failure,
    {
        let wanted = if accepts_gzip(headers) {
            Encoding::Gzip
        } else {
            Encoding::Identity
        };
        let caller = session.scope().principal();
        let mut key = AnswerKey {
            parameters,
            role: caller.role,
            permissions: caller.permissions.clone(),
            encoding: wanted,
        };
        if let Some(answer) = self.kept.peek(session, &key) {
            return Ok(answer.respond(headers));
        }
        key.encoding = Encoding::Identity;
        let write = async move |session: Session| {
            let value = make(session).await?;
            let body =
                serde_json::to_vec(&value).expect("what a handler answers can be written as JSON");
            Ok::<_, E>(Answer::new(body, Encoding::Identity))
        };
        let plain = self.kept.get(session, &key, write).await?;
        if wanted == Encoding::Identity {
            return Ok(plain.respond(headers));
        }
        // The plain answer is a part of the compressed one, which so depends on the same rows.
        let (kept, plain_key) = (self.kept.clone(), key.clone());
        key.encoding = Encoding::Gzip;
        let compress = async move |session: Session| {
            let plain = kept.peek(&session, &plain_key).ok_or(Overtaken)?;
            Ok::<_, Overtaken>(plain.compressed())
        };
        match self.kept.get(session, &key, compress).await {
            Ok(answer) => Ok(answer.respond(headers)),
            Err(_) => Ok(plain.respond(headers)),
        }
    }
}

/// A change ended the plain answer before it was compressed; it goes out as it is.
#[derive(Debug, thiserror::Error)]
#[error("the answer was ended by a change")]
struct Overtaken;

impl Failure for Overtaken {
    fn class(&self) -> Class {
        Class::Unavailable
    }

    fn code(&self) -> &'static str {
        "http.overtaken"
    }
}

/// Whether the client takes gzip (RFC 9110 section 12.5.3): named, or by `*`, and not with a weight of zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut by_star = false;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for coding in value.to_str().unwrap_or_default().split(',') {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q == 0.0));
            match name.trim() {
                gzip if gzip.eq_ignore_ascii_case("gzip") => return !refused,
                "*" => by_star = !refused,
                _ => {}
            }
        }
    }
    by_star
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_refused() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("identity", false),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
    }
}
