//! Trying out a promise: when would it be due?

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::policy::{instant, minutes};
use crate::model::calendar::{Calendar, NEVER, due};
use crate::model::field::{FieldError, FieldErrors, Nulls, read_object};

/// `{start, ack_minutes, resolve_minutes, calendar}`.
#[derive(Debug)]
pub struct PreviewRequest {
    start: Timestamp,
    ack_minutes: i32,
    resolve_minutes: i32,
    calendar: Option<Calendar>,
}

/// When the two promises are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DueInstants {
    /// The promise of acknowledgement; none when the calendar's open time ends before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ack_due_at: Option<Timestamp>,
    /// The promise of resolution; none when the calendar's open time ends before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolve_due_at: Option<Timestamp>,
}

impl PreviewRequest {
    /// Reads the JSON form; without a calendar the clock runs around the clock.
    ///
    /// # Errors
    ///
    /// Every bad field, those of the calendar below `calendar.`.
    pub fn read(value: &Value) -> Result<Self, FieldErrors> {
        let mut request = Self {
            start: Timestamp::UNIX_EPOCH,
            ack_minutes: 0,
            resolve_minutes: 0,
            calendar: None,
        };
        let mut errors = Vec::new();
        read_object(value, Nulls::Removal, &mut errors, |o| {
            if o.required("start").is_some() {
                request.start = instant(o, "start").unwrap_or_default();
            }
            minutes(o, "ack_minutes", &mut request.ack_minutes);
            minutes(o, "resolve_minutes", &mut request.resolve_minutes);
            // Read below, with its own checks.
            o.get("calendar");
        });
        let calendar = value.get("calendar").filter(|c| !c.is_null());
        match calendar.map(Calendar::from_json).transpose() {
            Ok(found) => request.calendar = found,
            Err(inner) => errors.extend(inner.0.into_iter().map(|e| {
                FieldError {
                    field: format!("calendar.{}", e.field)
                        .trim_end_matches('.')
                        .to_owned(),
                    ..e
                }
            })),
        }
        FieldErrors::check(errors)?;
        Ok(request)
    }

    /// The answer.
    pub fn due(&self) -> DueInstants {
        let after = |minutes: i32| {
            let amount = SignedDuration::from_mins(i64::from(minutes));
            let at = due(self.start, amount, self.calendar.as_ref());
            (at != NEVER).then_some(at)
        };
        DueInstants {
            ack_due_at: after(self.ack_minutes),
            resolve_due_at: after(self.resolve_minutes),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_clock_walks_the_calendar_that_was_sent() {
        let office = json!({"timezone": "America/New_York", "weekly": {
            "1": [[480, 1080]], "2": [[480, 1080]], "3": [[480, 1080]], "4": [[480, 1080]], "5": [[480, 1080]]}});
        let mut body = json!({"start": "2026-03-06T17:00:00-05:00", "ack_minutes": 30, "resolve_minutes": 240, "calendar": office});
        let answer = PreviewRequest::read(&body).unwrap().due();
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({"ack_due_at": "2026-03-06T22:30:00Z", "resolve_due_at": "2026-03-09T15:00:00Z"})
        );
        body["calendar"] = json!(null);
        let answer = PreviewRequest::read(&body).unwrap().due();
        assert_eq!(
            answer.resolve_due_at.unwrap().to_string(),
            "2026-03-07T02:00:00Z"
        );
        body["calendar"] = json!({"timezone": "UTC", "weekly": {}});
        assert_eq!(PreviewRequest::read(&body).unwrap().due().ack_due_at, None);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let errors = PreviewRequest::read(
            &json!({"start": "2026-03-06T17:00:00", "ack_minutes": 1, "calendar": {"weekly": []}, "x": 1}),
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
                ("start", "instant_invalid"),
                ("resolve_minutes", "required"),
                ("x", "unknown_field"),
                ("calendar.timezone", "required"),
                ("calendar.weekly", "wrong_type"),
            ]
        );
    }
}
