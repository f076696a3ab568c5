//! What a calendar is: its JSON form, the checks at save, and the openings of one local date.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::year::{Years, open_micros};
use crate::model::field::{FieldError, FieldErrors, Nulls, Object, read_object};

/// How many days from the day of saving are searched for open time; source: the service's specification.
pub const OPEN_SEARCH_DAYS: i32 = 3_660;

/// Minutes of a day; the end of the last opening may stand here, meaning midnight.
const DAY_MINUTES: u64 = 1_440;
/// Openings of one day, holidays of one calendar: bounds on what one tenant can make every node expand.
const MAX_OPENINGS: usize = 48;
const MAX_HOLIDAYS: usize = 5_000;

/// One opening as `[from, until]` in minutes after local midnight; `until` is exclusive, 1440 is midnight.
pub type Opening = [u16; 2];

/// A date whose openings replace those of its weekday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holiday {
    /// The local date.
    pub date: Date,
    /// What the day is called.
    #[serde(default)]
    pub name: String,
    /// The openings of that date; empty means closed.
    #[serde(default)]
    pub open: Vec<Opening>,
}

/// The JSON form of a calendar, as it stands in the database and in the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDefinition {
    /// IANA name of the time zone.
    pub timezone: String,
    /// Openings by ISO weekday, `"1"` (Monday) to `"7"`; a missing day is closed.
    pub weekly: BTreeMap<String, Vec<Opening>>,
    /// Exceptions in date order.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// A checked calendar, ready to compute with.
///
/// Expanded years are kept inside, a bounded number of them, so share one value instead of parsing again.
/// "Around the clock" is not a calendar but the absence of one.
#[derive(Debug)]
pub struct Calendar {
    definition: CalendarDefinition,
    pub(super) zone: TimeZone,
    weekly: [Vec<Opening>; 7],
    holidays: BTreeMap<Date, Vec<Opening>>,
    pub(super) years: Years,
}

impl Calendar {
    /// Reads the JSON form `{timezone, weekly, holidays}`, sorting openings and holidays.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `required`, `wrong_type`, `unknown_field`, `timezone_invalid`, `weekday_invalid`,
    /// `interval_invalid`, `interval_overlap`, `date_invalid`, `duplicate_date` and `too_many`.
    pub fn from_json(value: &Value) -> Result<Self, FieldErrors> {
        let mut errors = Vec::new();
        let mut zone = TimeZone::UTC;
        let mut definition = CalendarDefinition {
            timezone: String::new(),
            weekly: BTreeMap::new(),
            holidays: Vec::new(),
        };
        read_object(value, Nulls::Value, &mut errors, |o| {
            match o
                .required("timezone")
                .map(|v| v.as_str().map(|name| (name, TimeZone::get(name))))
            {
                None => {}
                Some(Some((name, Ok(found)))) => {
                    found
                        .iana_name()
                        .unwrap_or(name)
                        .clone_into(&mut definition.timezone);
                    zone = found;
                }
                Some(_) => o.refuse(
                    "timezone",
                    "timezone_invalid",
                    "must be the name of a time zone",
                ),
            }
            if o.required("weekly").is_some() {
                o.section("weekly", |week| read_week(week, &mut definition.weekly));
            }
            if let Some(value) = o.get("holidays") {
                read_holidays(o, value, &mut definition.holidays);
            }
        });
        FieldErrors::check(errors)?;
        Ok(Self::build(definition, zone))
    }

    /// As [`Calendar::from_json`], and refuses a calendar that never opens.
    ///
    /// `today` is the day of saving in any zone; [`OPEN_SEARCH_DAYS`] are searched from it.
    ///
    /// # Errors
    ///
    /// As [`Calendar::from_json`]; code `calendar_never_open` on field `weekly`.
    pub fn from_json_to_save(value: &Value, today: Date) -> Result<Self, FieldErrors> {
        let calendar = Self::from_json(value)?;
        if calendar.opens_within(today, OPEN_SEARCH_DAYS) {
            return Ok(calendar);
        }
        Err(FieldErrors(vec![FieldError {
            field: "weekly".to_owned(),
            code: "calendar_never_open",
            message: format!("has no open time in the next {OPEN_SEARCH_DAYS} days"),
        }]))
    }

    fn build(definition: CalendarDefinition, zone: TimeZone) -> Self {
        let day = |n: usize| {
            definition
                .weekly
                .get(&n.to_string())
                .cloned()
                .unwrap_or_default()
        };
        Self {
            weekly: std::array::from_fn(|i| day(i + 1)),
            holidays: definition
                .holidays
                .iter()
                .map(|h| (h.date, h.open.clone()))
                .collect(),
            definition,
            zone,
            years: Years::default(),
        }
    }

    /// The JSON form, with openings and holidays sorted.
    pub fn definition(&self) -> &CalendarDefinition {
        &self.definition
    }

    /// The JSON form as a value.
    ///
    /// # Panics
    ///
    /// Never: a definition has only text keys and plain values.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(&self.definition)
            .expect("a calendar has only text keys and plain values")
    }

    /// The openings of a local date, in order and without overlap.
    pub fn openings(&self, date: Date) -> &[Opening] {
        match self.holidays.get(&date) {
            Some(open) => open,
            None => &self.weekly[weekday_index(date.weekday())],
        }
    }

    fn opens_within(&self, from: Date, days: i32) -> bool {
        let dates = from.series(jiff::Span::new().days(1));
        let days = usize::try_from(days).unwrap_or_default();
        dates.take(days).any(|date| open_micros(self, date) > 0)
    }
}

impl Clone for Calendar {
    fn clone(&self) -> Self {
        Self::build(self.definition.clone(), self.zone.clone())
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

fn weekday_index(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).expect("a weekday's offset is 0 to 6")
}

fn read_week(week: &mut Object<'_, '_>, into: &mut BTreeMap<String, Vec<Opening>>) {
    for key in week.names() {
        let value = week.get_named(key);
        if !matches!(key.as_bytes(), [b'1'..=b'7']) {
            week.refuse(
                key,
                "weekday_invalid",
                "must be an ISO weekday, \"1\" to \"7\"",
            );
        } else if let Some(open) = value.and_then(|value| read_openings(week, key, value)) {
            into.insert(key.to_owned(), open);
        }
    }
}

/// The sorted openings of one day; what is wrong is noted under `path`.
fn read_openings(o: &mut Object<'_, '_>, path: &str, value: &Value) -> Option<Vec<Opening>> {
    let Value::Array(items) = value else {
        o.refuse(
            path,
            "wrong_type",
            "must be a list of [from, until] minutes",
        );
        return None;
    };
    if items.len() > MAX_OPENINGS {
        o.refuse(
            path,
            "too_many",
            format!("must have at most {MAX_OPENINGS} intervals"),
        );
        return None;
    }
    let mut open = Vec::with_capacity(items.len());
    let mut good = true;
    for (i, item) in items.iter().enumerate() {
        let pair = item.as_array().and_then(|pair| match pair.as_slice() {
            [from, until] => Some((from.as_u64()?, until.as_u64()?)),
            _ => None,
        });
        match pair {
            Some((from, until)) if from < until && until <= DAY_MINUTES => {
                let minute = |m: u64| u16::try_from(m).expect("a minute of the day fits 16 bits");
                open.push([minute(from), minute(until)]);
            }
            _ => {
                good = false;
                o.refuse(
                    &format!("{path}.{i}"),
                    "interval_invalid",
                    "must be [from, until] with 0 <= from < until <= 1440",
                );
            }
        }
    }
    open.sort_unstable();
    if open.windows(2).any(|w| w[1][0] < w[0][1]) {
        good = false;
        o.refuse(path, "interval_overlap", "has intervals that overlap");
    }
    good.then_some(open)
}

fn read_holidays(o: &mut Object<'_, '_>, value: &Value, into: &mut Vec<Holiday>) {
    let Value::Array(items) = value else {
        o.refuse("holidays", "wrong_type", "must be a list");
        return;
    };
    if items.len() > MAX_HOLIDAYS {
        o.refuse(
            "holidays",
            "too_many",
            format!("must have at most {MAX_HOLIDAYS} entries"),
        );
        return;
    }
    let mut found: BTreeMap<Date, Holiday> = BTreeMap::new();
    for (i, item) in items.iter().enumerate() {
        let path = format!("holidays.{i}");
        let Some(members) = item.as_object() else {
            o.refuse(&path, "wrong_type", "must be an object");
            continue;
        };
        for key in members
            .keys()
            .filter(|k| !["date", "name", "open"].contains(&k.as_str()))
        {
            o.refuse(
                &format!("{path}.{key}"),
                "unknown_field",
                "is not a known field",
            );
        }
        let name = match members.get("name") {
            None => String::new(),
            Some(Value::String(name)) if name.chars().count() <= 200 => name.clone(),
            Some(_) => {
                o.refuse(
                    &format!("{path}.name"),
                    "wrong_type",
                    "must be text of at most 200 characters",
                );
                continue;
            }
        };
        let open = match members.get("open") {
            None => Some(Vec::new()),
            Some(value) => read_openings(o, &format!("{path}.open"), value),
        };
        let date = members
            .get("date")
            .and_then(Value::as_str)
            .and_then(|d| d.parse::<Date>().ok());
        match (date, open) {
            (None, _) => o.refuse(
                &format!("{path}.date"),
                "date_invalid",
                "must be a date, YYYY-MM-DD",
            ),
            (Some(date), _) if found.contains_key(&date) => {
                o.refuse(
                    &format!("{path}.date"),
                    "duplicate_date",
                    "stands in the list twice",
                );
            }
            (Some(date), Some(open)) => {
                found.insert(date, Holiday { date, name, open });
            }
            (Some(_), None) => {}
        }
    }
    into.extend(found.into_values());
}
