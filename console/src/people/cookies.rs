//! The two tokens of somebody who is signed in, in cookies that no script reads.

use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::People;

const ACCESS: &str = "brisk_console_at";
const REFRESH: &str = "brisk_console_rt";

/// The tokens of a request.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    pub(super) access: Option<String>,
    pub(super) refresh: Option<String>,
}

fn name(people: &People, plain: &str) -> String {
    if people.is_secure {
        format!("__Host-{plain}")
    } else {
        plain.to_owned()
    }
}

impl Tokens {
    pub(super) fn of(people: &People, headers: &HeaderMap) -> Self {
        let (access, refresh) = (name(people, ACCESS), name(people, REFRESH));
        let mut tokens = Self::default();
        let lines = headers.get_all(COOKIE).iter();
        for cookie in lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| Cookie::split_parse(line.to_owned()))
            .flatten()
        {
            if cookie.name() == access {
                tokens.access = Some(cookie.value().to_owned());
            } else if cookie.name() == refresh {
                tokens.refresh = Some(cookie.value().to_owned());
            }
        }
        tokens
    }

    /// The tokens that the API gave out.
    pub(super) fn granted(body: &Value) -> Option<(Self, [i64; 2])> {
        let text = |field: &str| body.get(field)?.as_str().map(str::to_owned);
        let number = |field: &str| body.get(field)?.as_i64();
        let tokens = Self {
            access: Some(text("access_token")?),
            refresh: Some(text("refresh_token")?),
        };
        Some((
            tokens,
            [number("expires_in")?, number("refresh_expires_in")?],
        ))
    }
}

/// Sets both, each for as long as it counts; without tokens takes them away.
pub(super) fn set(people: &People, headers: &mut HeaderMap, tokens: Option<(&Tokens, [i64; 2])>) {
    let (tokens, lives) = tokens.map_or((None, [0, 0]), |(tokens, lives)| (Some(tokens), lives));
    let values = [
        (ACCESS, tokens.and_then(|t| t.access.clone()), lives[0]),
        (REFRESH, tokens.and_then(|t| t.refresh.clone()), lives[1]),
    ];
    for (plain, value, life) in values {
        let cookie = Cookie::build((name(people, plain), value.unwrap_or_default()))
            .path("/")
            .http_only(true)
            .secure(people.is_secure)
            // Links from mails lead to pages; forms are looked at where they are taken.
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(life))
            .build();
        if let Ok(line) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(SET_COOKIE, line);
        }
    }
}
