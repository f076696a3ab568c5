//! What another issuer's claims mean here.

use brisk_core::Clock;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::config::{ClaimMap, IssuerConfig, Preset, TenantMap};
use crate::token::{ForeignClaims, Object, Refusal, TenantHint, Window, names};

/// Characters of a `sub`; it stands in audit rows.
const LONGEST_SUBJECT: usize = 255;

/// Reads the claims of a token whose signature was right.
///
/// # Errors
///
/// The first claim for which the token does not count.
pub(super) fn read(
    config: &IssuerConfig,
    claims: &Object,
    clock: &Clock,
) -> Result<(ForeignClaims, Window), Refusal> {
    if !names(claims.get("aud"), |aud| {
        config.audiences.iter().any(|a| a == aud)
    }) {
        return Err(Refusal::Audience);
    }
    let window = window(claims)?;
    let skew = std::time::Duration::from_secs(config.clock_skew_s);
    window.check(clock.now(), skew)?;
    let subject = subject(claims)?;
    party(config, claims)?;
    let scopes = words(config, claims, "scope");
    if !config
        .required_scopes
        .iter()
        .all(|needed| scopes.contains(needed))
    {
        return Err(Refusal::Scope);
    }
    let (roles, permissions) = rights(config, claims);
    let read = ForeignClaims {
        issuer: config.issuer.clone(),
        subject: subject.to_owned(),
        user_id: user_id(&config.issuer, subject),
        tenant: tenant(config, &config.tenant_map, claims),
        roles,
        permissions,
        scopes,
        expires_at: window.expires_at,
    };
    Ok((read, window))
}

/// Who it is, in the issuer's words.
pub(super) fn subject(claims: &Object) -> Result<&str, Refusal> {
    let subject = claims.get("sub").and_then(Value::as_str);
    subject
        .filter(|sub| !sub.is_empty() && sub.chars().count() <= LONGEST_SUBJECT)
        .filter(|sub| !sub.contains('\0'))
        .ok_or(Refusal::Claim("sub"))
}

/// When a token counts.
pub(super) fn window(claims: &Object) -> Result<Window, Refusal> {
    Ok(Window {
        issued_at: date(claims, "iat")?,
        not_before: date(claims, "nbf")?,
        expires_at: date(claims, "exp")?.ok_or(Refusal::Claim("exp"))?,
    })
}

/// Our id of a person elsewhere: the version 5 UUID of the subject, within that of the issuer as a URL.
fn user_id(issuer: &str, subject: &str) -> Uuid {
    let within = Uuid::new_v5(&Uuid::NAMESPACE_URL, issuer.as_bytes());
    Uuid::new_v5(&within, subject.as_bytes())
}

/// A NumericDate, which may have a fraction.
#[expect(clippy::doc_markdown, reason = "the word of RFC 7519")]
fn date(claims: &Object, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
    let wrong = Refusal::Claim(name);
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(wrong),
    };
    let at = if let Some(seconds) = number.as_i64() {
        Timestamp::from_second(seconds).ok()
    } else {
        // A fraction: milliseconds are more than clocks agree on. What is out of any range is no time.
        let millis = number.as_f64().map(|seconds| (seconds * 1_000.0).floor());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "within 2^53, where floats are exact"
        )]
        millis
            .filter(|millis| (0.0..9.0e15).contains(millis))
            .and_then(|millis| Timestamp::from_millisecond(millis as i64).ok())
    };
    at.filter(|at| *at >= Timestamp::UNIX_EPOCH)
        .map(Some)
        .ok_or(wrong)
}

/// Whether the token was made for the client of the settings, and is no ID or refresh token.
fn party(config: &IssuerConfig, claims: &Object) -> Result<(), Refusal> {
    let is_keycloak = config.claim_map == ClaimMap::Preset(Preset::Keycloak);
    // Keycloak signs ID and refresh tokens with the same keys, and says in the claims which is which.
    if is_keycloak
        && let Some(typ) = claims.get("typ")
        && typ.as_str() != Some("Bearer")
    {
        return Err(Refusal::Type);
    }
    let Some(client) = &config.client_id else {
        return Ok(());
    };
    match claims.get("azp") {
        Some(azp) if azp.as_str() == Some(client) => Ok(()),
        None if !is_keycloak => Ok(()),
        _ => Err(Refusal::Party),
    }
}

/// Roles and permissions.
fn rights(config: &IssuerConfig, claims: &Object) -> (Vec<String>, Vec<String>) {
    let list = |value: Option<&Value>, name: &str| texts(config, value, name);
    match &config.claim_map {
        ClaimMap::Preset(Preset::Auth0) => {
            let named = config
                .audiences
                .iter()
                .find_map(|audience| claims.get(&format!("{audience}/roles")));
            let roles = named.or_else(|| claims.get("roles"));
            (
                list(roles, "roles"),
                list(claims.get("permissions"), "permissions"),
            )
        }
        ClaimMap::Preset(Preset::Keycloak) => {
            let mut roles = list(
                claims.get("realm_access").and_then(|r| r.get("roles")),
                "realm_access.roles",
            );
            let azp = claims.get("azp").and_then(Value::as_str);
            let client = config.client_id.as_deref().or(azp);
            let resource = client.and_then(|client| claims.get("resource_access")?.get(client));
            let more = list(resource.and_then(|r| r.get("roles")), "resource_access");
            for role in more {
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
            (roles, Vec::new())
        }
        ClaimMap::Paths(paths) => {
            let at = |path: &Option<String>| {
                let path = path.as_deref();
                path.map_or_else(Vec::new, |path| list(find(claims, path), path))
            };
            (at(&paths.roles), at(&paths.permissions))
        }
    }
}

fn tenant(config: &IssuerConfig, map: &TenantMap, claims: &Object) -> Option<TenantHint> {
    let named = map
        .claim
        .as_deref()
        .and_then(|path| match find(claims, path) {
            Some(Value::String(slug)) if !slug.is_empty() => Some(slug.clone()),
            None | Some(Value::Null) => None,
            Some(_) => {
                wrong_type(config, path);
                None
            }
        });
    let slug = map
        .fixed
        .clone()
        .or(named)
        .or_else(|| map.default.clone())?;
    Some(TenantHint {
        slug,
        create: map.create,
    })
}

/// A claim by its name, else by names joined by dots.
fn find<'a>(claims: &'a Object, path: &str) -> Option<&'a Value> {
    if let Some(whole) = claims.get(path) {
        return Some(whole);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// A list of texts; anything else counts as empty, and is told to the log.
fn texts(config: &IssuerConfig, value: Option<&Value>, name: &str) -> Vec<String> {
    match value {
        None => Vec::new(),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            let texts = list.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        Some(_) => {
            wrong_type(config, name);
            Vec::new()
        }
    }
}

/// A text of words, in the same way.
fn words(config: &IssuerConfig, claims: &Object, name: &str) -> Vec<String> {
    match claims.get(name) {
        None => Vec::new(),
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(_) => {
            wrong_type(config, name);
            Vec::new()
        }
    }
}

fn wrong_type(config: &IssuerConfig, claim: &str) {
    let issuer = &config.issuer;
    tracing::warn!(
        issuer,
        claim,
        "a claim of another type than expected counts as empty"
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::ClaimPaths;

    fn clock() -> Clock {
        Clock::manual("2026-03-07T12:00:00Z".parse().unwrap())
    }

    fn config(map: ClaimMap) -> IssuerConfig {
        IssuerConfig {
            issuer: "https://i.example".to_owned(),
            audiences: vec!["https://api".to_owned(), "api".to_owned()],
            claim_map: map,
            tenant_map: TenantMap {
                claim: Some("org.slug".to_owned()),
                ..TenantMap::default()
            },
            ..IssuerConfig::default()
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "calls read better so")]
    fn judge(config: &IssuerConfig, more: Value) -> Result<ForeignClaims, Refusal> {
        let exp = clock().now().as_second() + 60;
        let mut claims = json!({"sub": "auth0|7", "aud": "api", "exp": exp});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        read(config, claims.as_object().unwrap(), &clock()).map(|(claims, _)| claims)
    }

    #[test]
    fn auth0_names_roles_by_audience() {
        let config = config(ClaimMap::Preset(Preset::Auth0));
        let found = judge(
            &config,
            json!({"https://api/roles": ["a"], "roles": ["b"], "permissions": ["p:q"], "scope": "x  y"}),
        )
        .unwrap();
        assert_eq!(
            (found.roles, found.permissions),
            (vec!["a".to_owned()], vec!["p:q".to_owned()])
        );
        assert_eq!(found.scopes, ["x", "y"]);
        assert_eq!(
            judge(&config, json!({"roles": ["b"]})).unwrap().roles,
            ["b"]
        );
    }

    #[test]
    fn keycloak_names_roles_by_realm_and_client() {
        let mut config = config(ClaimMap::Preset(Preset::Keycloak));
        let token = json!({
            "azp": "web", "typ": "Bearer", "realm_access": {"roles": ["a", "b"]},
            "resource_access": {"web": {"roles": ["b", "c"]}, "other": {"roles": ["d"]}}});
        assert_eq!(
            judge(&config, token.clone()).unwrap().roles,
            ["a", "b", "c"]
        );
        config.client_id = Some("other".to_owned());
        assert_eq!(judge(&config, token.clone()), Err(Refusal::Party));
        assert_eq!(judge(&config, json!({})), Err(Refusal::Party));
        config.client_id = Some("web".to_owned());
        assert!(judge(&config, token.clone()).is_ok());
        for typ in [json!("ID"), json!("Refresh"), json!(1)] {
            let mut token = token.clone();
            token["typ"] = typ;
            assert_eq!(judge(&config, token), Err(Refusal::Type));
        }
    }

    #[test]
    fn claims_of_a_wrong_type_count_as_empty() {
        let config = config(ClaimMap::Paths(ClaimPaths {
            roles: Some("x.roles".to_owned()),
            permissions: Some("https://a.example/p".to_owned()),
        }));
        let found = judge(
            &config,
            json!({"x": {"roles": ["a"]}, "https://a.example/p": ["p"], "org": {"slug": "t"}}),
        )
        .unwrap();
        assert_eq!((found.roles.len(), found.permissions.len()), (1, 1));
        let tenant = found.tenant.unwrap();
        assert_eq!((tenant.slug.as_str(), tenant.create), ("t", false));
        let found = judge(
            &config,
            json!({"x": {"roles": "a"}, "https://a.example/p": ["p", 1], "org": {"slug": 1}, "scope": ["a"]}),
        )
        .unwrap();
        assert!(found.roles.is_empty() && found.permissions.is_empty() && found.scopes.is_empty());
        assert_eq!(found.tenant, None);
    }

    #[test]
    fn the_tenant_is_fixed_claimed_or_by_default() {
        let mut config = config(ClaimMap::default());
        assert_eq!(judge(&config, json!({})).unwrap().tenant, None);
        config.tenant_map.default = Some("main".to_owned());
        config.tenant_map.create = true;
        let tenant = judge(&config, json!({})).unwrap().tenant.unwrap();
        assert_eq!((tenant.slug.as_str(), tenant.create), ("main", true));
        config.tenant_map = TenantMap {
            fixed: Some("one".to_owned()),
            ..TenantMap::default()
        };
        let named = judge(&config, json!({"org": {"slug": "t"}})).unwrap();
        assert_eq!(named.tenant.unwrap().slug, "one");
    }

    #[test]
    fn times_and_subjects_are_judged() {
        let mut config = config(ClaimMap::default());
        let now = clock().now().as_second();
        #[expect(clippy::cast_precision_loss, reason = "a date of this century")]
        let later = now as f64 + 0.5;
        assert!(judge(&config, json!({"exp": later})).is_ok());
        for (claim, why) in [
            (json!({"exp": now - 30}), Refusal::Expired),
            (json!({"exp": null}), Refusal::Claim("exp")),
            (json!({"exp": "1"}), Refusal::Claim("exp")),
            (json!({"exp": -1}), Refusal::Claim("exp")),
            (json!({"exp": -0.5}), Refusal::Claim("exp")),
            (json!({"exp": 1e300}), Refusal::Claim("exp")),
            (json!({"nbf": now + 31}), Refusal::NotYet),
            (json!({"nbf": "1"}), Refusal::Claim("nbf")),
            (json!({"iat": now + 31}), Refusal::IssuedLater),
            (json!({"aud": "other"}), Refusal::Audience),
            (json!({"aud": ["other", 1]}), Refusal::Audience),
            (json!({"sub": ""}), Refusal::Claim("sub")),
            (json!({"sub": 7}), Refusal::Claim("sub")),
            (json!({"sub": "x".repeat(256)}), Refusal::Claim("sub")),
        ] {
            assert_eq!(judge(&config, claim.clone()), Err(why), "{claim}");
        }
        config.required_scopes = vec!["read".to_owned()];
        assert_eq!(
            judge(&config, json!({"scope": "write"})),
            Err(Refusal::Scope)
        );
        assert!(judge(&config, json!({"scope": "write read"})).is_ok());
        config.clock_skew_s = 0;
        let late = json!({"exp": now, "scope": "read"});
        assert_eq!(judge(&config, late), Err(Refusal::Expired));
    }

    #[test]
    fn a_person_has_one_id_here_for_ever() {
        // Computed with another implementation: uuid5(uuid5(NAMESPACE_URL, issuer), sub) of Python.
        let id = user_id("https://i.example", "auth0|7");
        assert_eq!(id.to_string(), "4b210528-bdd8-59cb-8d9f-b3af28761a17");
        assert_ne!(id, user_id("https://j.example", "auth0|7"));
    }
}
