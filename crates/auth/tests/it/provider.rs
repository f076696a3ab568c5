//! An issuer on loopback that counts what it is asked and misbehaves as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::forge::encode;

/// What the provider answers at a path.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Json(Value, Option<&'static str>),
    Raw(String),
    Status(u16),
    To(String),
    Slow(Duration, Box<Answer>),
}

#[derive(Default)]
struct Inner {
    answers: HashMap<String, Answer>,
    asked: HashMap<String, usize>,
    not_modified: usize,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) base: String,
    inner: Arc<Mutex<Inner>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::<Mutex<Inner>>::default();
        let provider = Self {
            base,
            inner: Arc::clone(&inner),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&inner)));
            }
        });
        provider
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        let mut inner = self.inner.lock().unwrap();
        inner.answers.insert(path.to_owned(), answer);
    }

    pub(crate) fn keys(&self, keys: &[&Signer]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk.clone()).collect();
        self.answer("/keys", Answer::Json(json!({ "keys": keys }), None));
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let inner = self.inner.lock().unwrap();
        inner.asked.get(path).copied().unwrap_or_default()
    }

    pub(crate) fn fetches(&self) -> usize {
        self.asked("/keys")
    }

    pub(crate) fn not_modified(&self) -> usize {
        self.inner.lock().unwrap().not_modified
    }

    /// Waits until the keys were asked for so often.
    pub(crate) async fn until_fetched(&self, times: usize) {
        let asked = async {
            while self.fetches() < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The answer travels.
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        tokio::time::timeout(Duration::from_secs(10), asked)
            .await
            .unwrap();
    }
}

async fn serve(mut stream: TcpStream, inner: Arc<Mutex<Inner>>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Ok(n) = stream.read(&mut buffer).await else {
            return;
        };
        if n == 0 {
            return;
        }
        head.extend_from_slice(&buffer[..n]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut answer = {
            let mut inner = inner.lock().unwrap();
            *inner.asked.entry(path.clone()).or_default() += 1;
            inner
                .answers
                .get(&path)
                .cloned()
                .unwrap_or(Answer::Status(404))
        };
        if let Answer::Slow(wait, then) = answer {
            tokio::time::sleep(wait).await;
            answer = *then;
        }
        let (status, more, body) = match answer {
            Answer::Json(value, headers) => {
                let headers = headers.unwrap_or_default();
                let etag = headers.lines().find_map(|line| line.strip_prefix("etag: "));
                let known =
                    etag.is_some_and(|etag| text.contains(&format!("if-none-match: {etag}")));
                if known {
                    inner.lock().unwrap().not_modified += 1;
                    (304, headers.to_owned(), String::new())
                } else {
                    (200, headers.to_owned(), value.to_string())
                }
            }
            Answer::Raw(text) => (200, String::new(), text),
            Answer::Status(status) => (status, String::new(), "no".to_owned()),
            Answer::To(url) => (302, format!("location: {url}\r\n"), String::new()),
            Answer::Slow(..) => return,
        };
        let reply = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{more}\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A key of the provider.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pub(crate) jwk: Value,
    key: Private,
}

#[derive(Clone)]
enum Private {
    Ec(EncodingKey),
    /// The library signs with PKCS#1 only, which nothing makes.
    Rsa(Arc<RsaPair>),
}

impl Signer {
    pub(crate) fn ec(kid: &str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        Self {
            kid: kid.to_owned(),
            jwk: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig"}),
            key: Private::Ec(EncodingKey::from_ec_der(private.as_ref())),
        }
    }

    /// The same key under another name.
    pub(crate) fn ec_named(like: &Self, kid: &str) -> Self {
        let mut jwk = like.jwk.clone();
        jwk["kid"] = json!(kid);
        Self {
            kid: kid.to_owned(),
            jwk,
            key: like.key.clone(),
        }
    }

    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = RsaPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let n = encode(public.modulus().big_endian_without_leading_zero());
        let e = encode(public.exponent().big_endian_without_leading_zero());
        Self {
            kid: kid.to_owned(),
            jwk: json!({"kty": "RSA", "n": n, "e": e, "kid": kid, "alg": "RS256"}),
            key: Private::Rsa(Arc::new(pair)),
        }
    }

    pub(crate) fn header(&self) -> Value {
        let alg = match self.key {
            Private::Ec(_) => "ES256",
            Private::Rsa(_) => "RS256",
        };
        json!({"alg": alg, "kid": self.kid, "typ": "JWT"})
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let bytes = message.as_bytes();
        let signature = match &self.key {
            Private::Ec(key) => jsonwebtoken::crypto::sign(bytes, key, Algorithm::ES256).unwrap(),
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                    .unwrap();
                BASE64URL_NOPAD.encode(&signature)
            }
        };
        format!("{message}.{signature}")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }
}
