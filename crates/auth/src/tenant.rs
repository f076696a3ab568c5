//! What a tenant is.

use brisk_core::TenantId;
use brisk_db::{FromRow, Json};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The kinds of organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantKind {
    /// A city or another public body.
    City,
    /// One building.
    Building,
    /// A campus.
    Campus,
    /// A hotel.
    Hotel,
    /// A facility of any other use.
    Facility,
    /// Any other organisation.
    Organisation,
    /// Those who run the installation; there is at most one, and no customer is of this kind.
    System,
}

impl TenantKind {
    /// The kinds of customers.
    pub const ALL: [Self; 6] = [
        Self::City,
        Self::Building,
        Self::Campus,
        Self::Hotel,
        Self::Facility,
        Self::Organisation,
    ];

    /// The word used in JSON, in commands and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Building => "building",
            Self::Campus => "campus",
            Self::Hotel => "hotel",
            Self::Facility => "facility",
            Self::Organisation => "organisation",
            Self::System => "system",
        }
    }

    /// The kind of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter().chain([Self::System]);
        all.find(|kind| kind.as_str() == word)
    }
}

/// Whether a tenant may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantStatus {
    /// In use.
    Active,
    /// Locked out; its data stays.
    Suspended,
    /// Locked out, and its rows are being erased.
    Deleting,
}

impl TenantStatus {
    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
        }
    }

    /// The status of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Deleting]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

brisk_db::text_column!(TenantKind, TenantStatus);

/// A customer organisation.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Tenant {
    /// Its number, never reused.
    pub id: TenantId,
    /// Its name in addresses: lower-case letters, digits and inner hyphens, up to 63.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: TenantKind,
    /// Its IANA time zone.
    pub timezone: String,
    /// Its language tag (BCP 47).
    pub locale: String,
    /// Its name in Open311, unique where given.
    pub jurisdiction_id: Option<String>,
    /// Whether it may be used.
    pub status: TenantStatus,
    /// Settings that belong to no service.
    pub settings: Json<serde_json::Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A tenant to be made.
#[derive(Clone, Debug)]
pub struct NewTenant {
    /// See [`Tenant::slug`].
    pub slug: String,
    /// See [`Tenant::name`].
    pub name: String,
    /// See [`Tenant::kind`].
    pub kind: TenantKind,
    /// See [`Tenant::timezone`].
    pub timezone: String,
    /// See [`Tenant::locale`].
    pub locale: String,
    /// See [`Tenant::jurisdiction_id`].
    pub jurisdiction_id: Option<String>,
    /// See [`Tenant::settings`].
    pub settings: serde_json::Value,
}

impl NewTenant {
    /// A tenant with the time zone `UTC`, the locale `en` and no settings.
    pub fn new(slug: impl Into<String>, name: impl Into<String>, kind: TenantKind) -> Self {
        Self {
            slug: slug.into(),
            name: name.into(),
            kind,
            timezone: "UTC".to_owned(),
            locale: "en".to_owned(),
            jurisdiction_id: None,
            settings: serde_json::json!({}),
        }
    }
}

/// The rules that both a new and a changed tenant keep.
pub(crate) fn check(
    slug: &str,
    name: &str,
    timezone: &str,
    locale: &str,
    jurisdiction_id: Option<&str>,
    settings: &serde_json::Value,
) -> Result<(), Error> {
    let invalid = |field, code, problem| {
        Err(Error::Invalid {
            field,
            code,
            problem,
        })
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let outer = slug.starts_with('-') || slug.ends_with('-');
    if slug.is_empty() || slug.len() > 63 || outer || !slug.bytes().all(plain) {
        return invalid(
            "slug",
            "format",
            "must be 1 to 63 lower-case letters, digits and inner hyphens",
        );
    }
    // A number in its place is always an id.
    if slug.bytes().all(|b| b.is_ascii_digit()) {
        return invalid("slug", "number", "must not be a number");
    }
    if name.trim().is_empty() || name.chars().count() > 200 || name.contains('\0') {
        return invalid("name", "length", "must have 1 to 200 characters");
    }
    if timezone.len() > 64 || TimeZone::get(timezone).is_err() {
        return invalid("timezone", "unknown", "must be an IANA time zone");
    }
    let tag = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if locale.len() < 2 || locale.len() > 35 || !locale.bytes().all(tag) {
        return invalid(
            "locale",
            "format",
            "must be a language tag such as en or pt-BR",
        );
    }
    if jurisdiction_id.is_some_and(|j| j.is_empty() || j.len() > 255 || j.contains('\0')) {
        return invalid("jurisdiction_id", "length", "must have 1 to 255 bytes");
    }
    if !settings.is_object() {
        return invalid("settings", "type", "must be an object");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_zones_and_locales_are_checked() {
        let settings = serde_json::json!({});
        let try_with = |slug, zone, locale| check(slug, "N", zone, locale, None, &settings).is_ok();
        assert!(try_with("a", "Europe/Berlin", "de"));
        assert!(try_with("new-york-2", "UTC", "pt-BR"));
        let long = "a".repeat(64);
        for slug in ["", "A", "-a", "a-", "12", "a_b", "ä", &long] {
            assert!(!try_with(slug, "UTC", "en"), "{slug}");
        }
        assert!(!try_with("a", "Mars/Base", "en"));
        assert!(!try_with("a", "UTC", "e"));
        assert!(check("a", " ", "UTC", "en", None, &settings).is_err());
        assert!(check("a", "N", "UTC", "en", Some(""), &settings).is_err());
        assert!(check("a", "N", "UTC", "en", None, &serde_json::json!([])).is_err());
    }

    #[test]
    fn stored_words_read_back() {
        for kind in TenantKind::ALL.into_iter().chain([TenantKind::System]) {
            assert_eq!(TenantKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(TenantKind::parse("City"), None);
    }
}
