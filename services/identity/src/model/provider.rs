//! Providers: where people may sign in besides here.

use std::collections::BTreeMap;

use brisk_auth::{OpenIdConfig, is_safe};
use brisk_config::Secret;
use brisk_core::{FieldError, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::email::Email;

/// Makes enums whose variants are words, in JSON and in the database.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$note])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word used in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one of that exact word.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        brisk_db::text_column!($name);
    )+};
}

words! {
    /// What a provider speaks.
    ProviderKind {
        /// An ID token says who somebody is.
        Oidc = "oidc",
        /// OAuth 2.0 alone: an endpoint says who somebody is.
        Oauth2 = "oauth2",
    }

    /// Providers whose ways are known.
    Preset {
        /// `accounts.google.com`
        Google = "google",
        /// Entra ID; `claim_map.tenants` says whose people may come.
        Microsoft = "microsoft",
        /// `github.com`
        Github = "github",
        /// A realm of Keycloak; `issuer` says which.
        Keycloak = "keycloak",
        /// A tenant of Auth0; `issuer` says which.
        Auth0 = "auth0",
    }

    /// How we prove to the provider who we are.
    TokenAuth {
        /// In the header.
        Basic = "basic",
        /// In the form.
        Post = "post",
    }

    /// Whether somebody who has an account here is recognised by its address.
    AutoLink {
        /// Never: people link by themselves, once they have signed in.
        Never = "never",
        /// Where the provider is trusted with addresses and both sides have verified it.
        VerifiedBoth = "verified_both",
    }

    /// What becomes of somebody who has no account here.
    Provisioning {
        /// It is refused.
        None = "none",
        /// It becomes a member of the tenant, if its verified address is of an allowed domain, or if it was invited.
        CreateInTenant = "create_in_tenant",
        /// It becomes the owner of a new tenant.
        CreateTenant = "create_tenant",
    }
}

/// Parameters that we set ourselves.
const RESERVED: [&str; 9] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

const LONGEST_SLUG: usize = 40;
const LONGEST_TEXT: usize = 2_048;
const MOST: usize = 50;

/// Where the provider writes what, in place of the usual names; and whose people it speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// The person's id, of a provider without ID tokens; `id`, a number, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the address was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<String>,
    /// The person's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What may stand for `{tenantid}` in the issuer, of a provider with many tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
}

/// A provider as somebody describes it, in the settings or by the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSpec {
    /// Its name in addresses: small letters, digits and hyphens.
    pub slug: String,
    /// A well-known one, whose addresses need not be given.
    pub preset: Option<Preset>,
    /// What it speaks; `oidc` where nothing is said and no preset says otherwise.
    pub kind: Option<ProviderKind>,
    /// Its `iss`, letter by letter.
    pub issuer: Option<String>,
    /// Where people are sent, if no document of its own says so.
    pub authorize_url: Option<String>,
    /// Where codes are exchanged, if no document of its own says so.
    pub token_url: Option<String>,
    /// Where more is told of somebody.
    pub userinfo_url: Option<String>,
    /// Where addresses are told, if not there.
    pub emails_url: Option<String>,
    /// Where its keys are, if no document of its own says so.
    pub jwks_url: Option<String>,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; never shown again.
    #[serde(skip_serializing)]
    #[schema(value_type = Option<String>, write_only)]
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scopes: Option<Vec<String>>,
    /// Parameters to add on the way there, such as `prompt` or `hd`.
    pub extra_params: BTreeMap<String, String>,
    /// Where it writes what.
    pub claim_map: ClaimNames,
    /// Always true: a code is of no use to who has not asked for it (RFC 7636, S256).
    pub pkce: bool,
    /// How we prove to it who we are.
    pub token_auth: Option<TokenAuth>,
    /// Whether an address that it calls verified counts as verified here.
    pub trust_email: Option<bool>,
    /// Whether people are recognised by their address.
    pub auto_link: AutoLink,
    /// What becomes of somebody new.
    pub provisioning: Option<Provisioning>,
    /// Whose addresses make a member of the tenant.
    pub allowed_domains: Vec<String>,
    /// Whether it may be used.
    pub enabled: bool,
}

impl Default for ProviderSpec {
    fn default() -> Self {
        Self {
            slug: String::new(),
            preset: None,
            kind: None,
            issuer: None,
            authorize_url: None,
            token_url: None,
            userinfo_url: None,
            emails_url: None,
            jwks_url: None,
            client_id: String::new(),
            client_secret: None,
            scopes: None,
            extra_params: BTreeMap::new(),
            claim_map: ClaimNames::default(),
            pkce: true,
            token_auth: None,
            trust_email: None,
            auto_link: AutoLink::Never,
            provisioning: None,
            allowed_domains: Vec::new(),
            enabled: true,
        }
    }
}

/// Whose provider it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The installation's, for all tenants.
    Everybody,
    /// One tenant's.
    Tenant,
}

impl ProviderSpec {
    /// The same with everything that the preset and the usual ways say where nothing was said.
    #[must_use]
    pub fn completed(mut self, owner: Owner) -> Self {
        let or = |own: &mut Option<String>, usual: &str| {
            own.get_or_insert_with(|| usual.to_owned());
        };
        match self.preset {
            Some(Preset::Google) => or(&mut self.issuer, "https://accounts.google.com"),
            Some(Preset::Microsoft) => or(
                &mut self.issuer,
                "https://login.microsoftonline.com/{tenantid}/v2.0",
            ),
            Some(Preset::Github) => {
                or(
                    &mut self.authorize_url,
                    "https://github.com/login/oauth/authorize",
                );
                or(
                    &mut self.token_url,
                    "https://github.com/login/oauth/access_token",
                );
                or(&mut self.userinfo_url, "https://api.github.com/user");
                or(&mut self.emails_url, "https://api.github.com/user/emails");
            }
            Some(Preset::Keycloak | Preset::Auth0) | None => {}
        }
        let is_github = self.preset == Some(Preset::Github);
        let usual = if is_github {
            ProviderKind::Oauth2
        } else {
            ProviderKind::Oidc
        };
        let kind = *self.kind.get_or_insert(usual);
        let scopes = self.scopes.get_or_insert_with(|| {
            let usual: &[&str] = match (kind, is_github) {
                (ProviderKind::Oidc, _) => &["openid", "email", "profile"],
                (ProviderKind::Oauth2, true) => &["read:user", "user:email"],
                (ProviderKind::Oauth2, false) => &[],
            };
            usual.iter().map(|&scope| scope.to_owned()).collect()
        });
        if kind == ProviderKind::Oidc && !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        self.token_auth.get_or_insert(match kind {
            ProviderKind::Oidc => TokenAuth::Basic,
            ProviderKind::Oauth2 => TokenAuth::Post,
        });
        let is_known = matches!(self.preset, Some(Preset::Google | Preset::Github));
        self.trust_email.get_or_insert(is_known);
        self.provisioning.get_or_insert(match owner {
            Owner::Everybody => Provisioning::CreateTenant,
            Owner::Tenant => Provisioning::None,
        });
        self
    }

    /// Adds an entry for each field of a completed description that cannot be; addresses of this machine are fine where
    /// `may_be_local`.
    pub fn check(&self, owner: Owner, may_be_local: bool, errors: &mut Vec<FieldError>) {
        let mut bad = |field: &'static str, message: &'static str| {
            errors.push(FieldError::new(field, "invalid", message));
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_slug = (1..=LONGEST_SLUG).contains(&self.slug.len())
            && self.slug.bytes().all(plain)
            && Uuid::try_parse(&self.slug).is_err();
        if !is_slug {
            bad("slug", "must be 1 to 40 small letters, digits and hyphens");
        }
        if self.client_id.is_empty() || self.client_id.len() > LONGEST_TEXT {
            bad("client_id", "must have 1 to 2048 characters");
        }
        if let Some(secret) = &self.client_secret
            && (secret.expose().is_empty() || secret.expose().len() > LONGEST_TEXT)
        {
            bad("client_secret", "must have 1 to 2048 characters");
        }
        for (field, url) in [
            ("issuer", &self.issuer),
            ("authorize_url", &self.authorize_url),
            ("token_url", &self.token_url),
            ("userinfo_url", &self.userinfo_url),
            ("emails_url", &self.emails_url),
            ("jwks_url", &self.jwks_url),
        ] {
            let Some(url) = url.as_deref() else { continue };
            let named = url.replace(TENANT, "x");
            let is_fine = is_safe(&named) && (may_be_local || url.starts_with("https://"));
            if !is_fine || url.len() > LONGEST_TEXT || url.contains('#') {
                bad(
                    field,
                    "must be an https address; http is for this machine only",
                );
            }
        }
        match self.kind {
            Some(ProviderKind::Oidc) if self.issuer.is_none() => {
                bad("issuer", "is needed to know its tokens by");
            }
            Some(ProviderKind::Oauth2) => {
                for (field, url) in [
                    ("authorize_url", &self.authorize_url),
                    ("token_url", &self.token_url),
                    ("userinfo_url", &self.userinfo_url),
                ] {
                    if url.is_none() {
                        bad(field, "is needed of a provider without discovery");
                    }
                }
            }
            Some(ProviderKind::Oidc) | None => {}
        }
        let names_tenants = self
            .issuer
            .as_deref()
            .is_some_and(|url| url.contains(TENANT));
        let is_name = |text: &String| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
            (1..=100).contains(&text.len()) && text.bytes().all(plain)
        };
        let tenants = &self.claim_map.tenants;
        if names_tenants == tenants.is_empty()
            || tenants.len() > MOST
            || !tenants.iter().all(is_name)
        {
            bad(
                "claim_map",
                "tenants must name whose people may come where the issuer has {tenantid}, and only there",
            );
        }
        let is_scope = |text: &String| {
            (1..=200).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
        };
        let scopes = self.scopes.as_deref().unwrap_or_default();
        if scopes.len() > MOST || !scopes.iter().all(is_scope) {
            bad("scopes", "must be at most 50 words");
        }
        let is_own = |name: &String| RESERVED.contains(&name.as_str());
        let is_long = |(name, value): (&String, &String)| {
            name.is_empty() || name.len() + value.len() > LONGEST_TEXT
        };
        if self.extra_params.len() > MOST
            || self.extra_params.keys().any(is_own)
            || self.extra_params.iter().any(is_long)
        {
            bad(
                "extra_params",
                "must be at most 50, and none that the sign-in sets itself",
            );
        }
        if !self.pkce {
            bad("pkce", "must be true: every sign-in is protected by it");
        }
        let is_domain = |domain: &String| {
            Email::parse(&format!("a@{domain}")).is_some_and(|email| email.norm[2..] == **domain)
        };
        if self.allowed_domains.len() > MOST || !self.allowed_domains.iter().all(is_domain) {
            bad(
                "allowed_domains",
                "must be at most 50 domains in small letters",
            );
        }
        if owner == Owner::Tenant && self.provisioning == Some(Provisioning::CreateTenant) {
            bad(
                "provisioning",
                "must be none or create_in_tenant for a tenant's own provider",
            );
        }
    }
}

/// A tenant's own provider as the API shows it, without the secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OwnProvider {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// What it is.
    #[serde(flatten)]
    pub spec: ProviderSpec,
    /// Whether we have a secret there.
    pub has_secret: bool,
    /// The address to register with the provider.
    pub redirect_uri: String,
    /// When it was set up.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// What stands in Microsoft's issuer for the tenants of its own.
const TENANT: &str = "{tenantid}";

/// A provider that can be used.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in the address that people come back to, and in states: the slug of one of the settings, the id of a tenant's
    /// own. So each has an address of its own, and what one answers is never taken for another's.
    pub key: String,
    /// The tenant whose own it is.
    pub tenant: Option<TenantId>,
    /// Its description, completed and checked.
    pub spec: ProviderSpec,
}

impl Provider {
    /// One of the settings, completed and checked.
    pub fn global(spec: ProviderSpec) -> Self {
        Self {
            key: spec.slug.clone(),
            tenant: None,
            spec,
        }
    }

    /// A tenant's own.
    pub fn own(id: Uuid, tenant: TenantId, spec: ProviderSpec) -> Self {
        Self {
            key: id.to_string(),
            tenant: Some(tenant),
            spec,
        }
    }

    /// Whose subjects its subjects are: the issuer's, or its own where it has none. A tenant's own stands for itself, so that no
    /// tenant speaks for the people of a provider that others trust.
    pub fn account_key(&self) -> &str {
        match (self.tenant, &self.spec.issuer) {
            (None, Some(issuer)) if self.kind() == ProviderKind::Oidc => issuer,
            _ => &self.key,
        }
    }

    /// What it speaks.
    pub fn kind(&self) -> ProviderKind {
        self.spec.kind.unwrap_or(ProviderKind::Oidc)
    }

    /// How it is found, where it gives ID tokens.
    pub fn openid(&self) -> Option<OpenIdConfig> {
        let issuer = self.spec.issuer.clone()?;
        let shared = issuer.contains(TENANT);
        (self.kind() == ProviderKind::Oidc).then(|| OpenIdConfig {
            discovery: shared.then(|| {
                let base = issuer.replace(TENANT, "common");
                format!("{base}/.well-known/openid-configuration")
            }),
            issuer,
            jwks_uri: self.spec.jwks_url.clone(),
            tenants: self.spec.claim_map.tenants.clone(),
        })
    }

    /// Whether it sends people back by a form that a page of its own submits.
    pub fn is_form_post(&self) -> bool {
        let mode = self.spec.extra_params.get("response_mode");
        mode.is_some_and(|mode| mode == "form_post")
    }

    /// Its name in metrics; tenants' own share one, so that there are few.
    pub fn label(&self) -> String {
        match self.tenant {
            None => self.spec.slug.clone(),
            Some(_) => "own".to_owned(),
        }
    }

    /// Whether an address is of a domain whose people become members.
    pub fn admits(&self, email: &Email) -> bool {
        let domain = email.norm.rsplit('@').next().unwrap_or_default();
        self.spec
            .allowed_domains
            .iter()
            .any(|known| known == domain)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wrong(spec: Value, owner: Owner, may_be_local: bool) -> Vec<String> {
        let spec: ProviderSpec = serde_json::from_value(spec).unwrap();
        let mut errors = Vec::new();
        spec.completed(owner)
            .check(owner, may_be_local, &mut errors);
        errors
            .into_iter()
            .map(|error| error.field.into_owned())
            .collect()
    }

    #[test]
    fn presets_need_no_more_than_a_client() {
        for preset in ["google", "github"] {
            let spec = json!({"slug": preset, "preset": preset, "client_id": "c"});
            assert_eq!(wrong(spec, Owner::Everybody, false), Vec::<String>::new());
        }
        let one = |more: Value| {
            let mut spec = json!({"slug": "x", "client_id": "c"});
            spec.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            wrong(spec, Owner::Tenant, false)
        };
        assert_eq!(one(json!({"preset": "microsoft"})), ["claim_map"]);
        assert!(one(json!({"preset": "microsoft", "claim_map": {"tenants": ["a-b"]}})).is_empty());
        assert_eq!(one(json!({"preset": "keycloak"})), ["issuer"]);
        assert!(one(json!({"preset": "auth0", "issuer": "https://a.auth0.com/"})).is_empty());
        assert_eq!(
            one(json!({"kind": "oauth2"})),
            ["authorize_url", "token_url", "userinfo_url"]
        );
    }

    #[test]
    fn what_cannot_be_is_named() {
        let spec = json!({
            "slug": "0190a000-0000-7000-8000-000000000000", "issuer": "http://i.example", "jwks_url": "https://i.example/k#x",
            "client_secret": "", "scopes": ["a b"], "extra_params": {"state": "x"}, "pkce": false,
            "allowed_domains": ["Acme.example"], "provisioning": "create_tenant",
        });
        let mut found = wrong(spec, Owner::Tenant, true);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "allowed_domains",
                "client_id",
                "client_secret",
                "extra_params",
                "issuer",
                "jwks_url",
                "pkce",
                "provisioning",
                "scopes",
                "slug",
            ]
        );
        let local = json!({"slug": "x", "client_id": "c", "issuer": "http://127.0.0.1:1"});
        assert!(wrong(local.clone(), Owner::Tenant, true).is_empty());
        assert_eq!(wrong(local, Owner::Tenant, false), ["issuer"]);
    }

    #[test]
    fn a_tenants_own_provider_speaks_for_itself_alone() {
        let spec = ProviderSpec {
            slug: "corp".to_owned(),
            issuer: Some("https://i.example".to_owned()),
            ..ProviderSpec::default()
        };
        let spec = spec.completed(Owner::Everybody);
        let global = Provider::global(spec.clone());
        assert_eq!(
            (global.key.as_str(), global.account_key()),
            ("corp", "https://i.example")
        );
        let own = Provider::own(Uuid::from_u128(7), TenantId(1), spec);
        assert_eq!(own.account_key(), own.key);
        assert_eq!(own.label(), "own");
    }

    #[test]
    fn secrets_are_not_shown() {
        let spec: ProviderSpec =
            serde_json::from_value(json!({"client_secret": "s3cret"})).unwrap();
        let shown = format!("{spec:?} {}", serde_json::to_string(&spec).unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
