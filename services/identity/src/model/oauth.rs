//! A sign-in at a provider, from the way there to the way back.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::model::email::Email;
use crate::model::provider::ClaimNames;
use crate::model::user::LONGEST_NAME;

/// How long somebody may take at the provider.
pub const STATE_LIFE: Duration = Duration::from_mins(10);

/// Characters of the longest subject that is taken.
const LONGEST_SUBJECT: usize = 255;

/// What a way there is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// To sign in.
    Login,
    /// To sign in that way from now on.
    Link,
}

impl Intent {
    /// The word used in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Link => "link",
        }
    }

    /// The intent of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::Login, Self::Link].into_iter();
        all.find(|intent| intent.as_str() == word)
    }
}

/// How the answers come: to a program, or to a browser that goes from page to page.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// As JSON.
    Json,
    /// By redirects.
    #[default]
    Redirect,
}

impl ResponseMode {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Redirect => "redirect",
        }
    }

    /// The mode of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::Json, Self::Redirect].into_iter();
        all.find(|mode| mode.as_str() == word)
    }
}

brisk_db::text_column!(Intent, ResponseMode);

/// Why a provider says no, of the reasons that are told.
pub fn denial(error: &str) -> &'static str {
    match error {
        "access_denied" => "access_denied",
        "login_required" => "login_required",
        "temporarily_unavailable" => "temporarily_unavailable",
        _ => "other",
    }
}

/// Who somebody is at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The provider's own id of the person, which never changes.
    pub subject: String,
    /// The address, where the provider tells one.
    pub email: Option<Email>,
    /// Whether the provider says that the address was proved to be the person's.
    pub is_verified: bool,
    /// What the person is called.
    pub name: Option<String>,
}

impl Profile {
    /// What the claims of an ID token or the answer of a userinfo endpoint say.
    pub fn of_claims(subject: String, claims: &Value, names: &ClaimNames) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let email = text(names.email.as_deref().unwrap_or("email")).and_then(Email::parse);
        let verified = claims.get(names.email_verified.as_deref().unwrap_or("email_verified"));
        let name = text(names.name.as_deref().unwrap_or("name")).or_else(|| text("login"));
        Self {
            subject,
            is_verified: email.is_some() && verified.is_some_and(is_true),
            email,
            name: name.and_then(cleaned),
        }
    }

    /// The same with the address of a list such as GitHub's, which is the primary one if it is verified, else none.
    #[must_use]
    pub fn with_emails(mut self, list: &Value) -> Self {
        let is = |entry: &Value, flag| entry.get(flag) == Some(&Value::Bool(true));
        let mut entries = list.as_array().into_iter().flatten();
        let best = entries.find(|entry| is(entry, "primary") && is(entry, "verified"));
        let email = best.and_then(|entry| entry.get("email")?.as_str());
        self.email = email.and_then(Email::parse);
        self.is_verified = self.email.is_some();
        self
    }

    /// What the person is called here: its name, else what stands before the `@`.
    pub fn full_name(&self) -> String {
        let local = || self.email.as_ref().map(|email| email.local().to_owned());
        let name = self.name.clone().or_else(local);
        name.unwrap_or_else(|| "Somebody".to_owned())
    }
}

/// A way in which somebody signs in, as its holder sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Identity {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// The name of the provider.
    pub provider: String,
    /// The address that the provider told.
    pub email: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub linked_at: Timestamp,
    /// When it was last used.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// The subject in an answer that is no token: a number, or a text where the settings name the member.
pub fn subject(claims: &Value, names: &ClaimNames) -> Option<String> {
    let value = claims.get(names.subject.as_deref().unwrap_or("id"))?;
    let subject = match value {
        Value::Number(id) if id.is_i64() || id.is_u64() => id.to_string(),
        Value::String(text) if names.subject.is_some() => text.clone(),
        _ => return None,
    };
    let is_fit = !subject.is_empty() && subject.chars().count() <= LONGEST_SUBJECT;
    (is_fit && !subject.contains('\0')).then_some(subject)
}

/// Providers write it as a boolean or as a text.
fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str() == Some("true")
}

/// A name as names may be here.
fn cleaned(name: &str) -> Option<String> {
    let plain = name.chars().filter(|c| !c.is_control());
    let name: String = plain.take(LONGEST_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_become_a_profile() {
        let names = ClaimNames::default();
        let of = |claims: Value| Profile::of_claims("7".to_owned(), &claims, &names);
        let ann =
            of(json!({"email": "Ann@a.example", "email_verified": "true", "name": "Ann\r\nLee "}));
        assert_eq!(ann.email.as_ref().unwrap().norm, "ann@a.example");
        assert!(ann.is_verified);
        assert_eq!(ann.full_name(), "AnnLee");
        for doubt in [json!(1), json!("yes"), json!(null), json!("True")] {
            assert!(!of(json!({"email": "a@b.c", "email_verified": doubt})).is_verified);
        }
        assert!(!of(json!({"email_verified": true})).is_verified);
        assert_eq!(
            of(json!({"email": "ann@b.c", "name": " "})).full_name(),
            "ann"
        );
        assert_eq!(of(json!({"login": "annie"})).full_name(), "annie");
    }

    #[test]
    fn of_a_list_only_the_verified_primary_address_counts() {
        let bare = Profile::of_claims(
            "7".to_owned(),
            &json!({"email": "x@y.z"}),
            &ClaimNames::default(),
        );
        let list = |primary: bool, verified: bool| {
            json!([
                {"email": "old@b.c", "primary": false, "verified": true},
                {"email": "new@b.c", "primary": primary, "verified": verified},
            ])
        };
        let found = bare.clone().with_emails(&list(true, true));
        assert_eq!(found.email.unwrap().norm, "new@b.c");
        for (primary, verified) in [(true, false), (false, true)] {
            let none = bare.clone().with_emails(&list(primary, verified));
            assert!(none.email.is_none() && !none.is_verified);
        }
    }

    #[test]
    fn a_subject_is_a_number_unless_the_settings_say_otherwise() {
        let mut names = ClaimNames::default();
        assert_eq!(
            subject(&json!({"id": 583_231}), &names).as_deref(),
            Some("583231")
        );
        for odd in [
            json!({"id": "octocat"}),
            json!({"id": 1.5}),
            json!({"login": "octocat"}),
            json!([]),
        ] {
            assert_eq!(subject(&odd, &names), None, "{odd}");
        }
        names.subject = Some("uid".to_owned());
        assert_eq!(
            subject(&json!({"uid": "u-1"}), &names).as_deref(),
            Some("u-1")
        );
        assert_eq!(subject(&json!({"uid": ""}), &names), None);
    }

    #[test]
    fn reasons_are_of_a_fixed_list() {
        assert_eq!(denial("access_denied"), "access_denied");
        assert_eq!(denial("<script>"), "other");
    }
}
