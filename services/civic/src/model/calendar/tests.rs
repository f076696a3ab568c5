use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Calendar, NEVER, due, elapsed};

fn week(days: &[&str], open: &Value) -> Value {
    days.iter()
        .map(|d| ((*d).to_owned(), open.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn calendar(weekly: &Value, holidays: &Value) -> Calendar {
    zoned("America/New_York", weekly, holidays)
}

fn zoned(zone: &str, weekly: &Value, holidays: &Value) -> Calendar {
    let value = json!({"timezone": zone, "weekly": weekly, "holidays": holidays});
    Calendar::from_json_to_save(&value, date(2026, 1, 1)).unwrap()
}

const WORKDAYS: [&str; 5] = ["1", "2", "3", "4", "5"];
const ALL_DAYS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

fn office() -> Calendar {
    calendar(&week(&WORKDAYS, &json!([[480, 1080]])), &json!([]))
}

fn around() -> Calendar {
    calendar(&week(&ALL_DAYS, &json!([[0, 1440]])), &json!([]))
}

/// A wall time in New York.
fn ny(text: &str) -> Timestamp {
    let wall: jiff::civil::DateTime = text.parse().unwrap();
    wall.in_tz("America/New_York").unwrap().timestamp()
}

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

#[test]
fn vectors_s1_to_s8_hold() {
    let s1 = office();
    assert_eq!(
        due(ny("2026-03-06T17:00"), hours(4), Some(&s1)),
        ny("2026-03-09T11:00")
    );
    assert_eq!(ny("2026-03-09T11:00").to_string(), "2026-03-09T15:00:00Z");
    assert_eq!(
        due(ny("2026-03-07T10:00"), hours(1), Some(&s1)),
        ny("2026-03-09T09:00")
    );

    let holidays = json!([{"date": "2026-07-03", "name": "Independence Day observed", "open": []}]);
    let s3 = calendar(&week(&WORKDAYS, &json!([[480, 1080]])), &holidays);
    assert_eq!(
        due(ny("2026-07-02T17:30"), hours(2), Some(&s3)),
        ny("2026-07-06T09:30")
    );

    let s4 = calendar(
        &week(&WORKDAYS, &json!([[540, 720], [780, 1020]])),
        &json!([]),
    );
    assert_eq!(
        due(ny("2026-03-09T11:30"), hours(1), Some(&s4)),
        ny("2026-03-09T13:30")
    );

    let s5 = around();
    assert_eq!(
        due(ny("2026-03-07T12:00"), hours(24), Some(&s5)),
        ny("2026-03-08T13:00")
    );
    assert_eq!(
        elapsed(ny("2026-03-08T00:00"), ny("2026-03-09T00:00"), Some(&s5)),
        hours(23)
    );
    assert_eq!(
        elapsed(ny("2026-11-01T00:00"), ny("2026-11-02T00:00"), Some(&s5)),
        hours(25)
    );

    let s7 = calendar(&json!({"7": [[60, 300]]}), &json!([]));
    assert_eq!(
        elapsed(ny("2026-03-08T00:00"), ny("2026-03-09T00:00"), Some(&s7)),
        hours(3)
    );
    assert_eq!(
        elapsed(ny("2026-03-06T16:00"), ny("2026-03-09T09:00"), Some(&s1)),
        hours(3)
    );
}

#[test]
fn a_due_instant_may_be_the_end_of_an_opening() {
    let c = office();
    assert_eq!(
        due(ny("2026-03-06T17:00"), hours(1), Some(&c)),
        ny("2026-03-06T18:00")
    );
    assert_eq!(
        due(ny("2026-03-07T17:00"), SignedDuration::ZERO, Some(&c)),
        ny("2026-03-07T17:00")
    );
}

#[test]
fn a_skipped_opening_starts_at_the_first_valid_instant() {
    let c = calendar(&json!({"7": [[150, 240]]}), &json!([]));
    let start = ny("2026-03-08T00:00");
    assert_eq!(
        due(start, SignedDuration::from_mins(30), Some(&c)),
        ny("2026-03-08T03:30")
    );
    assert_eq!(elapsed(start, ny("2026-03-09T00:00"), Some(&c)), hours(1));
}

#[test]
fn a_repeated_wall_time_is_the_earlier_one() {
    let c = calendar(&json!({"7": [[90, 180]]}), &json!([]));
    let (start, end) = (ny("2026-11-01T00:00"), ny("2026-11-02T00:00"));
    assert_eq!(
        due(start, SignedDuration::from_micros(1), Some(&c)).to_string(),
        "2026-11-01T05:30:00.000001Z"
    );
    assert_eq!(
        elapsed(start, end, Some(&c)),
        SignedDuration::from_mins(150)
    );
}

#[test]
fn zones_that_change_at_midnight_or_skip_a_day_keep_openings_in_order() {
    let open = week(&ALL_DAYS, &json!([[0, 1440]]));
    let beirut = zoned("Asia/Beirut", &open, &json!([]));
    let day: Timestamp = "2026-03-28T12:00:00Z".parse().unwrap();
    assert_eq!(elapsed(day, day + 48.hours(), Some(&beirut)), hours(48));
    let apia = zoned("Pacific/Apia", &open, &json!([]));
    let day: Timestamp = "2011-12-29T00:00:00Z".parse().unwrap();
    assert_eq!(elapsed(day, day + 96.hours(), Some(&apia)), hours(96));
}

#[test]
fn the_clock_runs_on_over_new_year() {
    let c = office();
    assert_eq!(
        due(ny("2026-12-31T17:00"), hours(2), Some(&c)),
        ny("2027-01-01T09:00")
    );
    assert_eq!(
        elapsed(ny("2024-12-31T00:00"), ny("2027-01-02T00:00"), Some(&c)),
        hours(10 * (1 + 261 + 261 + 1))
    );
}

#[test]
fn expanded_years_stay_few_while_the_walk_is_long() {
    let c = office();
    let (start, end) = (ny("1900-01-01T00:00"), ny("2100-01-01T00:00"));
    let open = elapsed(start, end, Some(&c));
    assert_eq!(
        elapsed(start, due(start, open / 4, Some(&c)), Some(&c)),
        open / 4
    );
    assert!(c.years.kept() <= 16);
}

#[test]
fn a_calendar_whose_openings_have_passed_is_never_due() {
    let value = json!({"timezone": "UTC", "weekly": {}, "holidays": [{"date": "2026-01-02", "open": [[0, 60]]}]});
    let c = Calendar::from_json_to_save(&value, date(2026, 1, 1)).unwrap();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        due(start, hours(1), Some(&c)).to_string(),
        "2026-01-02T01:00:00Z"
    );
    assert_eq!(due(start, hours(2), Some(&c)), NEVER);
}

#[test]
fn a_calendar_that_never_opens_is_refused_at_save() {
    let value = json!({"timezone": "UTC", "weekly": {"1": []}, "holidays": []});
    let refused = Calendar::from_json_to_save(&value, date(2026, 1, 1)).unwrap_err();
    assert_eq!(refused.0[0].code, "calendar_never_open");
    let late = json!({"timezone": "UTC", "weekly": {}, "holidays": [{"date": "2036-01-09", "open": [[0, 60]]}]});
    assert!(Calendar::from_json_to_save(&late, date(2026, 1, 1)).is_err());
    assert!(Calendar::from_json_to_save(&late, date(2026, 1, 2)).is_ok());
}

#[test]
fn every_bad_field_of_a_calendar_is_reported() {
    let value = json!({
        "timezone": "Mars/Olympus",
        "weekly": {"0": [], "1": [[480, 1500]], "2": [[0, 60], [30, 90]], "3": 5},
        "holidays": [{"date": "2026-02-30"}, {"date": "2026-01-01"}, {"date": "2026-01-01", "extra": 1}],
        "colour": "red"
    });
    let refused = Calendar::from_json(&value).unwrap_err();
    let found: Vec<(&str, &str)> = refused
        .0
        .iter()
        .map(|e| (e.field.as_str(), e.code))
        .collect();
    assert_eq!(
        found,
        [
            ("timezone", "timezone_invalid"),
            ("weekly.0", "weekday_invalid"),
            ("weekly.1.0", "interval_invalid"),
            ("weekly.2", "interval_overlap"),
            ("weekly.3", "wrong_type"),
            ("holidays.0.date", "date_invalid"),
            ("holidays.2.extra", "unknown_field"),
            ("holidays.2.date", "duplicate_date"),
            ("colour", "unknown_field"),
        ]
    );
}

#[test]
fn a_calendar_survives_its_json_form() {
    let value = json!({
        "timezone": "America/New_York",
        "weekly": {"1": [[480, 720], [780, 1080]]},
        "holidays": [{"date": "2026-07-03", "name": "Holiday", "open": []}]
    });
    let c = Calendar::from_json(&value).unwrap();
    assert_eq!(c.to_json(), value);
    assert_eq!(Calendar::from_json(&c.to_json()).unwrap(), c);
}

/// 2025-01-01 to 2028-01-01 with odd microseconds, so that DST changes and year ends are met.
fn instants() -> impl Strategy<Value = Timestamp> {
    (1_735_689_600_000_000_i64..1_830_297_600_000_000)
        .prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let day = proptest::collection::btree_set(0_u16..=1440, 0..3).prop_map(|cuts| {
        let cuts: Vec<u16> = cuts.into_iter().collect();
        cuts.chunks_exact(2)
            .map(|c| json!([c[0], c[1]]))
            .collect::<Vec<_>>()
    });
    let zones = prop::sample::select(vec![
        "America/New_York",
        "Europe/London",
        "Asia/Beirut",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "UTC",
    ]);
    (zones, proptest::collection::vec(day, 7), proptest::collection::btree_set(0_i64..1_200, 0..20)).prop_map(
        |(zone, days, closed)| {
            let mut weekly: serde_json::Map<String, Value> =
                days.into_iter().enumerate().map(|(i, d)| ((i + 1).to_string(), d.into())).collect();
            weekly.insert("3".to_owned(), json!([[100, 200], [600, 1000]]));
            let holidays: Vec<Value> = closed
                .into_iter()
                .map(|n| json!({"date": (date(2025, 1, 1) + n.days()).to_string(), "open": [[30, 90]]}))
                .collect();
            zoned(zone, &weekly.into(), &holidays.into())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn elapsed_until_due_is_the_amount(c in calendars(), start in instants(), n in 0_i64..30_000_000_000_000) {
        let n = SignedDuration::from_micros(n);
        prop_assert_eq!(elapsed(start, due(start, n, Some(&c)), Some(&c)), n);
    }

    #[test]
    fn due_grows_with_start_and_amount(
        c in calendars(), a in instants(), b in instants(), n in 0_i64..9_000_000, m in 0_i64..9_000_000
    ) {
        let (a, b) = (a.min(b), a.max(b));
        let (n, m) = (SignedDuration::from_secs(n.min(m)), SignedDuration::from_secs(n.max(m)));
        prop_assert!(due(a, n, Some(&c)) <= due(b, n, Some(&c)));
        prop_assert!(due(a, n, Some(&c)) <= due(a, m, Some(&c)));
    }

    #[test]
    fn elapsed_adds_up(c in calendars(), mut t in proptest::array::uniform3(instants())) {
        t.sort_unstable();
        let whole = elapsed(t[0], t[2], Some(&c));
        prop_assert_eq!(elapsed(t[0], t[1], Some(&c)) + elapsed(t[1], t[2], Some(&c)), whole);
        prop_assert!(whole <= t[2].duration_since(t[0]));
    }

    /// The expanded years against a walk over the dates, as the rule is written.
    #[test]
    fn elapsed_equals_a_walk_over_dates(c in calendars(), a in instants(), days in 0_i64..40) {
        let b = a + (days * 24 + 7).hours();
        let local = |t: Timestamp| c.zone.to_datetime(t).date();
        let mut day = local(a) - 2.days();
        let mut sum = SignedDuration::ZERO;
        while day <= local(b) + 2.days() {
            for [from, until] in c.openings(day) {
                let at = |m: u16| {
                    let wall = day.to_datetime(jiff::civil::Time::midnight()) + i64::from(m).minutes();
                    let found = c.zone.to_ambiguous_zoned(wall);
                    if let jiff::tz::AmbiguousOffset::Gap { .. } = found.offset() {
                        let after = found.later().unwrap();
                        c.zone.preceding(after.timestamp()).next().unwrap().timestamp()
                    } else {
                        found.earlier().unwrap().timestamp()
                    }
                };
                let overlap = at(*until).min(b).duration_since(at(*from).max(a));
                sum += overlap.max(SignedDuration::ZERO);
            }
            day = day.tomorrow().unwrap();
        }
        prop_assert_eq!(elapsed(a, b, Some(&c)), sum);
    }
}
