//! What a tenant sets for itself.

use brisk_core::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::email::Email;

/// The most domains that a tenant names.
const MOST_DOMAINS: usize = 50;

/// The settings of a tenant; what it leaves out is as the installation has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantRules {
    /// The fewest characters of a password, 12 to 128; never fewer than the installation asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_min: Option<u32>,
    /// Live sessions of one person, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_max_per_user: Option<u32>,
    /// Where people's addresses have to be; anywhere where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_email_domains: Vec<String>,
}

impl TenantRules {
    /// The members that they have.
    pub const MEMBERS: [&'static str; 3] = [
        "password_min",
        "sessions_max_per_user",
        "allowed_email_domains",
    ];

    /// The rules in a tenant's settings; members of others and what cannot be read count as not set.
    pub fn of(settings: &Value) -> Self {
        serde_json::from_value(settings.clone()).unwrap_or_default()
    }

    /// Adds an entry for each rule that cannot be.
    pub fn check(&self, errors: &mut Vec<FieldError>) {
        let mut bad = |field: &'static str, message: String| {
            errors.push(FieldError::new(field, "out_of_range", message));
        };
        if self.password_min.is_some_and(|n| !(12..=128).contains(&n)) {
            bad("settings.password_min", "must be 12 to 128".to_owned());
        }
        let sessions = self.sessions_max_per_user;
        if sessions.is_some_and(|n| !(1..=100).contains(&n)) {
            bad(
                "settings.sessions_max_per_user",
                "must be 1 to 100".to_owned(),
            );
        }
        let domains = &self.allowed_email_domains;
        let is_domain = |domain: &String| {
            Email::parse(&format!("a@{domain}")).is_some_and(|email| email.norm[2..] == **domain)
        };
        if domains.len() > MOST_DOMAINS || !domains.iter().all(is_domain) {
            let message = format!("must be at most {MOST_DOMAINS} domains in small letters");
            bad("settings.allowed_email_domains", message);
        }
    }

    /// Whether people with this address may belong to the tenant.
    pub fn admits(&self, email: &Email) -> bool {
        let domain = email.norm.rsplit('@').next().unwrap_or_default();
        self.allowed_email_domains.is_empty()
            || self.allowed_email_domains.iter().any(|d| d == domain)
    }

    /// What is said of an address elsewhere.
    #[must_use]
    pub fn refusal() -> FieldError {
        let message = "the tenant does not take addresses of this domain";
        FieldError::new("email", "domain_not_allowed", message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_read_and_checked() {
        let rules = TenantRules::of(&json!({"allowed_email_domains": ["acme.example"]}));
        let email = |text| Email::parse(text).unwrap();
        assert!(rules.admits(&email("a@Acme.example")) && !rules.admits(&email("a@b.example")));
        assert!(TenantRules::of(&json!({"theirs": 1})).admits(&email("a@b.example")));
        let wrong = TenantRules {
            password_min: Some(8),
            sessions_max_per_user: Some(0),
            allowed_email_domains: vec!["Acme.example".to_owned()],
        };
        let mut errors = Vec::new();
        wrong.check(&mut errors);
        assert_eq!(errors.len(), 3);
        errors.clear();
        rules.check(&mut errors);
        assert!(errors.is_empty());
    }
}
