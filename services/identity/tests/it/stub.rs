//! A provider on loopback, with ID tokens and in the ways of GitHub, that misbehaves as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brisk::prelude::Clock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Our name at every provider of the tests, and our secret.
pub(crate) const CLIENT: &str = "brisk client";
pub(crate) const SECRET: &str = "hush+hush";

/// What is answered at a path in place of what is right.
#[derive(Clone, Debug)]
pub(crate) enum Mischief {
    Answer(u16, String),
    /// A redirect to another path.
    To(&'static str),
    Slow(Duration),
}

/// What a code was given for.
#[derive(Clone, Debug, Default)]
struct Grant {
    query: HashMap<String, String>,
    is_used: bool,
}

struct Inner {
    clock: Clock,
    person: Value,
    /// In place of what an ID token says.
    claims: Value,
    /// In place of the header of ID tokens.
    header: Value,
    emails: Value,
    names_itself: bool,
    key: Signer,
    grants: HashMap<String, Grant>,
    mischief: HashMap<String, Mischief>,
    asked: HashMap<String, usize>,
}

/// A running provider; the claims of the person who is signed in there can be set.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) base: String,
    inner: Arc<Mutex<Inner>>,
}

/// Ann, as a provider knows her.
pub(crate) fn ann() -> Value {
    json!({"sub": "ann-1", "email": "ann@corp.example", "email_verified": true, "name": "Ann Lee", "id": 583_231, "login": "annie"})
}

impl Stub {
    pub(crate) async fn start(clock: &Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner {
            clock: clock.clone(),
            person: ann(),
            claims: json!({}),
            header: json!({}),
            emails: json!([{"email": "ann@corp.example", "primary": true, "verified": true}]),
            names_itself: false,
            key: Signer::new("a"),
            grants: HashMap::new(),
            mischief: HashMap::new(),
            asked: HashMap::new(),
        }));
        let stub = Self { base, inner };
        let served = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        stub
    }

    /// A description of it for the settings, with ID tokens.
    pub(crate) fn oidc(&self, slug: &str) -> Value {
        json!({"slug": slug, "issuer": self.base, "client_id": CLIENT, "client_secret": SECRET})
    }

    /// The same in the ways of GitHub.
    pub(crate) fn github(&self, slug: &str) -> Value {
        let at = |path: &str| format!("{}{path}", self.base);
        json!({
            "slug": slug, "preset": "github", "client_id": CLIENT, "client_secret": SECRET, "authorize_url": at("/authorize"),
            "token_url": at("/token"), "userinfo_url": at("/user"), "emails_url": at("/emails")})
    }

    fn set<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap())
    }

    /// Who is signed in there.
    pub(crate) fn person(&self, person: Value) {
        self.set(|inner| inner.person = person);
    }

    /// What ID tokens say in place of what is right; null leaves a claim out.
    pub(crate) fn claims(&self, claims: Value) {
        self.set(|inner| inner.claims = claims);
    }

    pub(crate) fn header(&self, header: Value) {
        self.set(|inner| inner.header = header);
    }

    pub(crate) fn emails(&self, emails: Value) {
        self.set(|inner| inner.emails = emails);
    }

    pub(crate) fn names_itself(&self) {
        self.set(|inner| inner.names_itself = true);
    }

    pub(crate) fn rotate(&self, kid: &str) {
        self.set(|inner| inner.key = Signer::new(kid));
    }

    pub(crate) fn misbehave(&self, path: &str, mischief: Mischief) {
        self.set(|inner| inner.mischief.insert(path.to_owned(), mischief));
    }

    pub(crate) fn behave(&self) {
        self.set(|inner| {
            inner.mischief.clear();
            inner.claims = json!({});
            inner.header = json!({});
            inner.person = ann();
        });
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        self.set(|inner| inner.asked.get(path).copied().unwrap_or_default())
    }

    /// Lets the person agree to what is asked by the address; the query that the browser brings back.
    pub(crate) fn visit(&self, url: &str) -> String {
        let (place, query) = url.split_once('?').unwrap();
        assert_eq!(place, format!("{}/authorize", self.base));
        let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["code_challenge"].len(), 43);
        assert_eq!(query["state"].len(), 43);
        let state = query["state"].clone();
        self.set(|inner| {
            let code = format!("code-{}", inner.grants.len());
            let grant = Grant {
                query,
                is_used: false,
            };
            inner.grants.insert(code.clone(), grant);
            let mut back = form_urlencoded::Serializer::new(String::new());
            back.append_pair("code", &code).append_pair("state", &state);
            // Parameters of the provider's own are to be ignored.
            back.append_pair("session_state", "x");
            if inner.names_itself {
                back.append_pair("iss", &self.base);
            }
            back.finish()
        })
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some((method, path, head, body)) = request(&mut stream).await {
            let mischief = self.set(|inner| {
                *inner.asked.entry(path.clone()).or_default() += 1;
                inner.mischief.get(&path).cloned()
            });
            let (status, more, text) = match mischief {
                Some(Mischief::Answer(status, text)) => (status, String::new(), text),
                Some(Mischief::To(path)) => (
                    307,
                    format!("location: {}{path}\r\n", self.base),
                    String::new(),
                ),
                slow => {
                    if let Some(Mischief::Slow(time)) = slow {
                        tokio::time::sleep(time).await;
                    }
                    let (status, body) = self.answer(&method, &path, &head, &body);
                    (status, String::new(), body.to_string())
                }
            };
            let length = text.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{more}\r\n{text}");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, method: &str, path: &str, head: &str, body: &str) -> (u16, Value) {
        let base = &self.base;
        let header = |name: &str| {
            let line = |line: &str| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            };
            head.lines().find_map(line).unwrap_or_default()
        };
        match (method, path) {
            ("GET", "/.well-known/openid-configuration") => {
                let names_itself = self.set(|inner| inner.names_itself);
                let document = json!({
                    "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
                    "token_endpoint": format!("{base}/token"), "userinfo_endpoint": format!("{base}/userinfo"),
                    "jwks_uri": format!("{base}/keys"), "id_token_signing_alg_values_supported": ["ES256"],
                    "authorization_response_iss_parameter_supported": names_itself});
                (200, document)
            }
            ("GET", "/keys") => (200, self.set(|inner| json!({"keys": [inner.key.jwk]}))),
            ("POST", "/token") => self.token(&header("authorization"), body),
            ("GET", "/userinfo" | "/user" | "/emails") => {
                if header("authorization") != "Bearer at-1" || header("user-agent").is_empty() {
                    return (401, json!({"message": "no"}));
                }
                let told = self.set(|inner| match path {
                    "/emails" => inner.emails.clone(),
                    _ => inner.person.clone(),
                });
                (200, told)
            }
            _ => (404, json!({})),
        }
    }

    fn token(&self, authorization: &str, body: &str) -> (u16, Value) {
        let form: HashMap<_, _> = form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let basic = format!("Basic {}", STANDARD.encode("brisk+client:hush%2Bhush"));
        let is_posted = form.get("client_secret").is_some_and(|s| s == SECRET)
            && form.get("client_id").is_some_and(|id| id == CLIENT);
        if authorization != basic && !is_posted {
            return (401, json!({"error": "invalid_client"}));
        }
        let no = (400, json!({"error": "invalid_grant"}));
        let verifier = form.get("code_verifier").cloned().unwrap_or_default();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        self.set(|inner| {
            let Some(grant) = form.get("code").and_then(|code| inner.grants.get_mut(code)) else {
                return no;
            };
            let fits = grant.query["code_challenge"] == challenge
                && form.get("redirect_uri") == grant.query.get("redirect_uri")
                && form["grant_type"] == "authorization_code";
            if grant.is_used || !fits {
                return no;
            }
            grant.is_used = true;
            let nonce = grant.query.get("nonce").cloned();
            let now = inner.clock.now().as_second();
            let mut claims = json!({
                "iss": self.base, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce});
            for from in [inner.person.clone(), inner.claims.clone()] {
                let claims = claims.as_object_mut().unwrap();
                claims.extend(from.as_object().cloned().unwrap_or_default());
                claims.retain(|_, value| !value.is_null());
            }
            let mut header = json!({"alg": "ES256", "kid": inner.key.kid});
            let more = inner.header.as_object().unwrap().clone();
            header.as_object_mut().unwrap().extend(more);
            let id_token = inner.key.sign(&header, &claims);
            (
                200,
                json!({"access_token": "at-1", "token_type": "bearer", "id_token": id_token}),
            )
        })
    }
}

/// One request: method, path, head and body.
async fn request(stream: &mut TcpStream) -> Option<(String, String, String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")
                    .map(|n| n.trim().to_owned())
            });
            let length: usize = length.and_then(|n| n.parse().ok()).unwrap_or_default();
            if body.len() >= length {
                let mut words = head.split(' ');
                let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
                return Some((method, path, head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

/// A key of the provider.
struct Signer {
    kid: String,
    jwk: Value,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Self {
            kid: kid.to_owned(),
            jwk: json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig"}),
            pair,
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
