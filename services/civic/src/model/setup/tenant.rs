//! A tenant as it is sent.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::area::{name, optional_text};
use crate::model::TenantKind;
use crate::model::field::{FieldErrors, Nulls, Object, read_object};

/// What can be set of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TenantFields {
    /// Its name in addresses: 1 to 63 lower-case letters, digits and inner hyphens, not a number.
    pub slug: String,
    /// Its name for people, 1 to 200 characters.
    pub name: String,
    /// What kind of place it runs.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: TenantKind,
    /// IANA name of its time zone; default `UTC`.
    pub timezone: String,
    /// Its language tag; default `en`.
    pub locale: String,
    /// Its name in Open311; unique where given.
    pub jurisdiction_id: Option<String>,
    /// `active` or `suspended`; a new tenant is active.
    pub status: String,
}

impl TenantFields {
    /// The members that only a platform administrator may change.
    pub const PLATFORM_ONLY: [&str; 3] = ["slug", "type", "status"];

    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `too_long`, `too_short`, `slug_invalid`, `unknown_value`,
    /// `timezone_invalid`, `locale_invalid` and `unknown_field`.
    pub fn read(value: &Value) -> Result<Self, FieldErrors> {
        let mut tenant = Self {
            slug: String::new(),
            name: String::new(),
            kind: TenantKind::City,
            timezone: "UTC".to_owned(),
            locale: "en".to_owned(),
            jurisdiction_id: None,
            status: "active".to_owned(),
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            slug(o, &mut tenant.slug);
            name(o, "name", 200, &mut tenant.name);
            if o.required("type").is_some() {
                let kinds = TenantKind::ALL.map(|k| (k.as_str(), k));
                o.word("type", &kinds, &mut tenant.kind);
            }
            o.text("timezone", 64, &mut tenant.timezone);
            if TimeZone::get(&tenant.timezone).is_err() {
                let message = "must be the name of a time zone";
                o.refuse("timezone", "timezone_invalid", message);
            }
            o.text("locale", 35, &mut tenant.locale);
            let tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if tenant.locale.len() < 2 || !tenant.locale.chars().all(tag) {
                let message = "must be a language tag such as en or pt-BR";
                o.refuse("locale", "locale_invalid", message);
            }
            tenant.jurisdiction_id = optional_text(o, "jurisdiction_id", 255);
            let mut status = "active";
            let words = [("active", "active"), ("suspended", "suspended")];
            o.word("status", &words, &mut status);
            status.clone_into(&mut tenant.status);
        });
        FieldErrors::check(errors)?;
        Ok(tenant)
    }
}

fn slug(o: &mut Object<'_, '_>, into: &mut String) {
    name(o, "slug", 63, into);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let number = !into.is_empty() && into.chars().all(|c| c.is_ascii_digit());
    let outer = into.starts_with('-') || into.ends_with('-');
    if number || outer || !into.chars().all(plain) {
        o.refuse(
            "slug",
            "slug_invalid",
            "must be lower-case letters, digits and inner hyphens, and not a number",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_has_a_slug_a_name_and_a_kind() {
        let tenant =
            TenantFields::read(&json!({"slug": "boston", "name": "Boston", "type": "city"}));
        assert_eq!(tenant.unwrap().timezone, "UTC");
        let bad = json!({"slug": "12", "type": "town", "timezone": "Mars/Base", "locale": "e", "status": "gone", "id": 1});
        let errors = TenantFields::read(&bad).unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("slug", "slug_invalid"),
                ("name", "required"),
                ("type", "unknown_value"),
                ("timezone", "timezone_invalid"),
                ("locale", "locale_invalid"),
                ("status", "unknown_value"),
                ("id", "unknown_field"),
            ]
        );
    }
}
