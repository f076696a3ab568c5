//! Signing in at a provider that others have made: the npm package `oidc-provider`, in a process of its own.
//!
//! What it checks of a client it checks by its own reading of the standards: PKCE, the secret in the header, the redirect
//! address; and it names itself on the way back, so that its name has to be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use brisk::prelude::Clock;
use brisk_testkit::servers::find;
use brisk_testkit::services::{Answer, Call, Client};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::browser::{Way, app_and, come_back, me, set_out};
use crate::on_both;
use crate::world::TestApp;

/// Our address, as the provider knows it.
const US: &str = "http://127.0.0.1:8080";

/// The running provider. It ends with this value, and with this process.
struct Provider {
    base: String,
    _process: Child,
    /// It would end where nobody can read what it says.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    async fn start() -> Self {
        let (node, _) = find::node().unwrap_or_else(|e| panic!("{e}"));
        let folder = folder();
        assert!(
            folder.join("node_modules/oidc-provider").exists(),
            "oidc-provider is not in {}; `cargo xtask test` brings it, or `npm install --prefix` there",
            folder.display()
        );
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(node)
            .arg(here.join("tests/it/provider.mjs"))
            .arg(folder)
            .arg(format!("{US}/identity/auth/oauth/corp/callback"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let base = lines.next_line().await.unwrap();
        Self {
            base: base.unwrap_or_else(|| panic!("the provider did not start")),
            _process: process,
            _output: lines,
        }
    }
}

/// Where `cargo xtask test` puts the package: beside what is built.
fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder));
    target.join("tools/oidc-provider")
}

/// Somebody's browser at the provider.
struct Visitor<'a> {
    provider: &'a Provider,
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl<'a> Visitor<'a> {
    fn new(provider: &'a Provider) -> Self {
        let address = provider.base.strip_prefix("http://").unwrap();
        Self {
            provider,
            client: Client::new(address.parse().unwrap()),
            cookies: BTreeMap::new(),
        }
    }

    async fn send(&mut self, call: Call) -> Answer {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let answer = self
            .client
            .send(call.header("cookie", &cookies.join("; ")))
            .await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Goes where it is sent, fills in the forms, and agrees or not; the query that it brings back.
    async fn visit(&mut self, way: &Way, agrees: bool) -> String {
        let base = &self.provider.base;
        let mut place = way.url.clone();
        let mut form = None;
        for _ in 0..12 {
            if let Some(query) = place.strip_prefix(&format!("{US}/identity{}?", way.back)) {
                return query.to_owned();
            }
            let path = place.strip_prefix(base).unwrap_or(&place).to_owned();
            let call = match form.take() {
                Some(fields) => {
                    Call::new("POST", path).text("application/x-www-form-urlencoded", fields)
                }
                None => Call::new("GET", path),
            };
            let answer = self.send(call).await;
            if let Some(next) = answer.header("location") {
                next.clone_into(&mut place);
                continue;
            }
            assert_eq!(answer.status, 200, "{answer:?}");
            let page = String::from_utf8_lossy(&answer.body).into_owned();
            let value = |before: &str| {
                let rest = page.split_once(before).map(|(_, rest)| rest);
                rest.and_then(|rest| rest.split('"').next())
                    .unwrap_or_default()
                    .to_owned()
            };
            place = value("action=\"");
            if agrees {
                let prompt = value("name=\"prompt\" value=\"");
                form = Some(format!("prompt={prompt}&login=ann&password=any"));
            } else {
                place.push_str("/abort");
            }
        }
        panic!("no way back from {place}");
    }
}

async fn a_provider_of_others_lets_people_in(app: TestApp) {
    let provider = Provider::start().await;
    let spec = json!({
        "slug": "corp", "issuer": provider.base, "client_id": "brisk", "client_secret": "a secret + of % ours",
        "trust_email": true});
    let app = app_and(app, &[spec], &[("auth.issuer", US)]).await;
    // That provider's clock is the machine's.
    app.clock.set(Clock::system().now());
    let mut ann = Visitor::new(&provider);
    let way = set_out(app.public(), "corp", "").await;
    let brought = ann.visit(&way, true).await;
    assert!(brought.contains("iss="), "{brought}");
    let answer = come_back(app.public(), &way, &brought).await;
    let told = me(&app, &answer).await;
    assert_eq!(
        (&told["email"], &told["full_name"], &told["email_verified"]),
        (
            &json!("ann@corp.example"),
            &json!("ann of Corp"),
            &json!(true)
        )
    );
    // Known there by its cookie and here by its subject.
    let way = set_out(app.public(), "corp", "").await;
    let second = ann.visit(&way, true).await;
    let answer = come_back(app.public(), &way, &second).await;
    assert_eq!(me(&app, &answer).await["id"], told["id"]);
    // A code that was used, in a sign-in of its own.
    let way = set_out(app.public(), "corp", "").await;
    let third = ann.visit(&way, true).await;
    let code = |query: &str| {
        query
            .split('&')
            .find(|p| p.starts_with("code="))
            .unwrap()
            .to_owned()
    };
    let replayed = third.replace(&code(&third), &code(&second));
    let refused = come_back(app.public(), &way, &replayed).await;
    refused.assert_refused(400, "provider-denied");
    // Somebody who changes its mind.
    let way = set_out(app.public(), "corp", "").await;
    let brought = Visitor::new(&provider).visit(&way, false).await;
    let refused = come_back(app.public(), &way, &brought).await;
    let refused = refused.assert_refused(400, "provider-denied");
    assert_eq!(refused["reason"], "access_denied");
    app.stop().await;
}

on_both!(a_provider_of_others_lets_people_in);
