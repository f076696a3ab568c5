//! `brisk cache`: what a running server keeps in memory, by its `/caches`.

use std::process::ExitCode;

use anyhow::Context as _;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::cli::{CacheCommand, ServerArgs};
use crate::say;

/// Asks the server and prints what it says.
pub(crate) async fn run(command: CacheCommand) -> anyhow::Result<ExitCode> {
    match command {
        CacheCommand::List(server) => {
            let all = ask(&server, Method::GET, "/caches").await?;
            if server.json {
                say(&all.to_string());
                return Ok(ExitCode::SUCCESS);
            }
            say(&format!(
                "{:<32} {:>9} {:>10} {:>9} {:>7} {:>9} {:>8} {:>8}",
                "CACHE", "ENTRIES", "BYTES", "HITS", "BELOW", "LOADS", "HIT RATE", "EVICTED"
            ));
            for cache in all["caches"].as_array().into_iter().flatten() {
                say(&line(cache));
                if let Some(why) = cache["refused_because"].as_str() {
                    say(&format!("  not kept: {why}"));
                }
            }
            if let Some(up) = all["nodes"]["up"].as_bool() {
                let state = if up { "in reach" } else { "out of reach" };
                say(&format!("what all nodes share is {state}"));
            }
        }
        CacheCommand::Show { name, server } => {
            let one = ask(&server, Method::GET, &format!("/caches/{name}")).await?;
            say(&if server.json {
                one.to_string()
            } else {
                serde_json::to_string_pretty(&one)?
            });
        }
        CacheCommand::Evict {
            name,
            tenant,
            server,
        } => {
            let tenant = tenant.map_or(String::new(), |id| format!("?tenant_id={id}"));
            let path = format!("/caches/{name}{tenant}");
            let evicted = ask(&server, Method::DELETE, &path).await?;
            say(&if server.json {
                evicted.to_string()
            } else {
                format!("{} entries went, on this node", evicted["evicted"])
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(cache: &Value) -> String {
    format!(
        "{:<32} {:>9} {:>10} {:>9} {:>7} {:>9} {:>7.1}% {:>8}",
        cache["name"].as_str().unwrap_or_default(),
        cache["entries"],
        cache["bytes"],
        cache["hits"],
        // Of those the ones that were found in a tier below; a dash where there is none.
        cache["tier"]
            .as_str()
            .map_or("-".to_owned(), |_| cache["tier_hits"].to_string()),
        cache["loads"],
        100.0 * cache["hit_rate"].as_f64().unwrap_or_default(),
        cache["evicted"]
    )
}

async fn ask(server: &ServerArgs, method: Method, path: &str) -> anyhow::Result<Value> {
    let address = format!("{}{path}", server.server.trim_end_matches('/'));
    let mut request = Request::builder().method(method).uri(&address);
    if let Some(key) = &server.key {
        request = request.header("x-api-key", key);
    }
    let request = request
        .body(Empty::<bytes::Bytes>::new())
        .with_context(|| format!("{address} is no address"))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client
        .request(request)
        .await
        .with_context(|| format!("no server answers at {}", server.server))?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => anyhow::bail!(
            "the server shows its caches to operators only: give a key of theirs with --key or BRISK_KEY"
        ),
        _ => anyhow::bail!(
            "the server answered {status}: {}",
            body["detail"].as_str().unwrap_or_default()
        ),
    }
}
