//! Somebody's browser on its way to a provider and back.

use brisk_testkit::services::{Answer, Call, Client};
use serde_json::Value;

use crate::stub::Stub;
use crate::world::{TestApp, text};

/// Where the pages of the tests are.
pub(crate) const PAGE: &str = "https://app.example/back";

/// An app with these providers.
pub(crate) async fn app_with(app: TestApp, providers: &[Value]) -> TestApp {
    app_and(app, providers, &[]).await
}

/// The same with more settings.
pub(crate) async fn app_and(app: TestApp, providers: &[Value], more: &[(&str, &str)]) -> TestApp {
    let providers = Value::from(providers).to_string();
    let back = serde_json::json!([PAGE, "http://127.0.0.1/cb"]).to_string();
    let mut extra = vec![
        ("identity.providers", &*providers),
        ("identity.oauth_return_to", &*back),
        ("identity.oauth_limit_per_min", "0"),
    ];
    extra.extend(more);
    app.with(&extra).await
}

/// A way that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) url: String,
    pub(crate) cookie: String,
    /// The address to come back to, without the host.
    pub(crate) back: String,
}

/// Sets out for a provider, with the parameters that `query` has besides `mode=json`.
pub(crate) async fn set_out(client: &Client, provider: &str, query: &str) -> Way {
    let path = format!("/auth/oauth/{provider}/start?mode=json{query}");
    way(&client.get(&path).await)
}

/// The way in an answer.
pub(crate) fn way(answer: &Answer) -> Way {
    let url = text(&answer.assert_status(200)["url"]).to_owned();
    let query = url.split_once('?').unwrap().1;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let back = pairs.find(|(name, _)| name == "redirect_uri").unwrap().1;
    let (_, path) = back.split_once("/identity").unwrap_or(("", &back));
    Way {
        cookie: cookie(answer).unwrap(),
        back: path.to_owned(),
        url,
    }
}

/// The binding of an answer.
pub(crate) fn cookie(answer: &Answer) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").into_iter();
    let mut all = all.filter_map(|value| value.to_str().ok());
    let found = all.find(|cookie| cookie.starts_with("brisk_oauth="))?;
    found.split(';').next().map(str::to_owned)
}

/// Comes back with what the provider sent along.
pub(crate) async fn come_back(client: &Client, way: &Way, query: &str) -> Answer {
    let call = Call::new("GET", format!("{}?{query}", way.back));
    client.send(call.header("cookie", &way.cookie)).await
}

/// There and back.
pub(crate) async fn sign_in(app: &TestApp, stub: &Stub, provider: &str, query: &str) -> Answer {
    let way = set_out(app.public(), provider, query).await;
    let brought = stub.visit(&way.url);
    come_back(app.public(), &way, &brought).await
}

/// Whom an answer with tokens is about.
pub(crate) async fn me(app: &TestApp, answer: &Answer) -> Value {
    let granted = answer.assert_status(200);
    let client = app.public().bearer(text(&granted["access_token"]));
    client.get("/users/me").await.assert_status(200)
}
