//! A service level policy and a named calendar as they are sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::area::{name, optional_id};
use super::category::{categories, severity};
use crate::model::calendar::{Calendar, CalendarDefinition};
use crate::model::field::{FieldError, FieldErrors, Nulls, Object, read_object};
use crate::model::{Category, Severity};

/// Ten years: longer promises are mistakes of unit.
pub(super) const MAX_MINUTES: i32 = 10 * 366 * 24 * 60;

/// What can be set of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PolicyFields {
    /// For which base category; none for any.
    #[schema(value_type = Option<String>)]
    pub category: Option<Category>,
    /// For which severity; none for any.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// Promise until acknowledgement in minutes, 1 to ten years.
    pub ack_minutes: i32,
    /// Promise until resolution in minutes, 1 to ten years.
    pub resolve_minutes: i32,
    /// The calendar whose open time counts; none for around the clock.
    pub calendar_id: Option<i64>,
    /// From when issues created get it; default now.
    #[schema(value_type = String, format = DateTime)]
    pub effective_from: Timestamp,
    /// From when issues created no longer get it; none for open end.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub effective_to: Option<Timestamp>,
}

impl PolicyFields {
    /// Reads the JSON form; a policy without a beginning begins `now`.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `out_of_range`, `unknown_value`, `instant_invalid`,
    /// `period_invalid` and `unknown_field`.
    pub fn read(value: &Value, now: Timestamp) -> Result<Self, FieldErrors> {
        let mut policy = Self {
            category: None,
            severity: None,
            ack_minutes: 0,
            resolve_minutes: 0,
            calendar_id: None,
            effective_from: now,
            effective_to: None,
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            if o.get("category").is_some() {
                let mut found = Category::Other;
                o.word("category", &categories(), &mut found);
                policy.category = Some(found);
            }
            policy.severity = severity(o, "severity");
            minutes(o, "ack_minutes", &mut policy.ack_minutes);
            minutes(o, "resolve_minutes", &mut policy.resolve_minutes);
            policy.calendar_id = optional_id(o, "calendar_id");
            policy.effective_from = instant(o, "effective_from").unwrap_or(now);
            policy.effective_to = instant(o, "effective_to");
            if policy
                .effective_to
                .is_some_and(|end| end <= policy.effective_from)
            {
                o.refuse(
                    "effective_to",
                    "period_invalid",
                    "must be after effective_from",
                );
            }
        });
        FieldErrors::check(errors)?;
        Ok(policy)
    }
}

/// What can be set of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CalendarFields {
    /// What it is called, 1 to 200 characters; unique in the tenant.
    pub name: String,
    /// The zone, and the openings by weekday and holiday.
    #[serde(flatten)]
    #[schema(value_type = CalendarShape)]
    pub definition: CalendarDefinition,
}

/// The JSON form of [`CalendarDefinition`], for the API's document.
#[derive(utoipa::ToSchema)]
#[schema(as = CalendarDefinition)]
#[expect(dead_code, reason = "only its shape is used")]
struct CalendarShape {
    /// IANA name of the time zone.
    timezone: String,
    /// Openings by ISO weekday, `"1"` (Monday) to `"7"`, as `[from, until]` in minutes after local midnight.
    weekly: BTreeMap<String, Vec<[u16; 2]>>,
    /// Dates whose openings replace those of their weekday.
    holidays: Vec<HolidayShape>,
}

#[derive(utoipa::ToSchema)]
#[schema(as = Holiday)]
#[expect(dead_code, reason = "only its shape is used")]
struct HolidayShape {
    /// The local date, `YYYY-MM-DD`.
    date: String,
    /// What the day is called.
    name: String,
    /// The openings of that date; empty means closed.
    open: Vec<[u16; 2]>,
}

/// A required number of minutes.
pub(super) fn minutes(o: &mut Object<'_, '_>, key: &'static str, into: &mut i32) {
    if o.required(key).is_some() {
        o.int(key, 1..=MAX_MINUTES, into);
    }
}

/// An instant, RFC 3339 with any offset, cut to microseconds.
pub(super) fn instant(o: &mut Object<'_, '_>, key: &'static str) -> Option<Timestamp> {
    let value = o.get(key)?;
    let parsed = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let cut = parsed.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok());
    if cut.is_none() {
        o.refuse(
            key,
            "instant_invalid",
            "must be an instant with an offset, as in 2026-03-06T17:00:00Z",
        );
    }
    cut
}

/// Reads `{name, timezone, weekly, holidays}`: the name, and the calendar, which must open at some time.
///
/// # Errors
///
/// Every bad field of both: `required`, `wrong_type`, `too_long` and `too_short` for the name, and what
/// [`Calendar::from_json_to_save`] refuses.
pub fn calendar_fields(value: &Value, today: Date) -> Result<(String, Calendar), FieldErrors> {
    let Value::Object(members) = value else {
        return Err(FieldErrors(vec![FieldError {
            field: String::new(),
            code: "wrong_type",
            message: "must be an object".to_owned(),
        }]));
    };
    let mut rest = members.clone();
    let named = Value::Object(rest.remove_entry("name").into_iter().collect());
    // In a change, `null` stands for "no holidays".
    if rest.get("holidays").is_some_and(Value::is_null) {
        rest.remove("holidays");
    }
    let mut title = String::new();
    let mut errors = Vec::new();
    read_object(&named, Nulls::Removal, &mut errors, |o| {
        name(o, "name", 200, &mut title);
    });
    match Calendar::from_json_to_save(&Value::Object(rest), today) {
        Ok(calendar) if errors.is_empty() => return Ok((title, calendar)),
        Ok(_) => {}
        Err(more) => errors.extend(more.0),
    }
    Err(FieldErrors(errors))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-06T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_policy_begins_now_and_ends_after_that() {
        let policy =
            PolicyFields::read(&json!({"ack_minutes": 60, "resolve_minutes": 1440}), now())
                .unwrap();
        assert_eq!((policy.effective_from, policy.severity), (now(), None));
        let errors = PolicyFields::read(
            &json!({"ack_minutes": 0, "effective_to": "2026-03-06T12:00:00Z", "severity": "bad", "since": null}),
            now(),
        )
        .unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("severity", "unknown_value"),
                ("ack_minutes", "out_of_range"),
                ("resolve_minutes", "required"),
                ("effective_to", "period_invalid"),
                ("since", "unknown_field"),
            ]
        );
    }

    #[test]
    fn a_calendar_has_a_name_and_opens_some_time() {
        let today = jiff::civil::date(2026, 3, 6);
        let good = json!({"name": "Office", "timezone": "Europe/Vienna", "weekly": {"1": [[480, 1080]]}, "holidays": null});
        assert_eq!(calendar_fields(&good, today).unwrap().0, "Office");
        let bad = json!({"timezone": "Mars/Base", "weekly": {}, "open": true});
        let errors = calendar_fields(&bad, today).unwrap_err();
        let found: Vec<_> = errors
            .0
            .iter()
            .map(|e| (e.field.as_str(), e.code))
            .collect();
        assert_eq!(
            found,
            [
                ("name", "required"),
                ("timezone", "timezone_invalid"),
                ("open", "unknown_field")
            ]
        );
        let never = json!({"name": "Never", "timezone": "UTC", "weekly": {}});
        assert_eq!(
            calendar_fields(&never, today).unwrap_err().0[0].code,
            "calendar_never_open"
        );
    }
}
