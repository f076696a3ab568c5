//! An API key as it is asked for.

use brisk_core::Role;
use jiff::Timestamp;
use serde_json::Value;

use super::area::name;
use super::policy::instant;
use crate::model::field::{FieldErrors, Nulls, read_object};

/// What a new key of a tenant is to be.
#[derive(Clone, Debug, PartialEq, Eq, utoipa::ToSchema)]
pub struct ApiKeyFields {
    /// What people call it, 1 to 200 characters.
    pub name: String,
    /// What its holder may do: any role but `platform_admin`.
    #[schema(value_type = String)]
    pub role: Role,
    /// Requests in a minute; none for the usual limit.
    pub rate_per_min: Option<u32>,
    /// When it ends; none for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl ApiKeyFields {
    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `too_long`, `too_short`, `unknown_value`, `out_of_range`,
    /// `instant_invalid`, `in_the_past` and `unknown_field`.
    pub fn read(value: &Value, now: Timestamp) -> Result<Self, FieldErrors> {
        let mut key = Self {
            name: String::new(),
            role: Role::Reporter,
            rate_per_min: None,
            expires_at: None,
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            name(o, "name", 200, &mut key.name);
            if o.required("role").is_some() {
                let of_a_tenant = Role::ALL.into_iter().filter(|r| *r != Role::PlatformAdmin);
                let roles: Vec<_> = of_a_tenant.map(|r| (r.as_str(), r)).collect();
                o.word("role", &roles, &mut key.role);
            }
            if o.get("rate_per_min").is_some() {
                let mut rate = 1;
                o.int("rate_per_min", 1..=10_000_000, &mut rate);
                key.rate_per_min = Some(rate);
            }
            key.expires_at = instant(o, "expires_at");
            if key.expires_at.is_some_and(|end| end <= now) {
                o.refuse("expires_at", "in_the_past", "must be in the future");
            }
        });
        FieldErrors::check(errors)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_cannot_make_keys_of_the_platform() {
        let now = "2026-03-06T12:00:00Z".parse().unwrap();
        let good = ApiKeyFields::read(&json!({"name": "kiosk", "role": "agent"}), now).unwrap();
        assert_eq!((good.role, good.rate_per_min), (Role::Agent, None));
        let bad = json!({"role": "platform_admin", "rate_per_min": 0, "expires_at": "2026-03-06T12:00:00Z", "key": "x"});
        let errors = ApiKeyFields::read(&bad, now).unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("name", "required"),
                ("role", "unknown_value"),
                ("rate_per_min", "out_of_range"),
                ("expires_at", "in_the_past"),
                ("key", "unknown_field"),
            ]
        );
    }
}
