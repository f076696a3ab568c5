//! Prints the console's page with made-up figures: `cargo run -p brisk-console --example sample > page.html`.
//!
//! With the argument `empty` it prints a place where nothing has happened yet.

use std::time::Duration;

use brisk_console::{
    Category, City, CityView, Compliance, Cost, Counts, Day, Grade, PublicIssue, Sample, Trend,
};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const ISSUES: [(&str, &str, &str, &str, &str, u64, i64); 8] = [
    (
        "Water main burst at Hanover and Prince Street",
        "infrastructure",
        "critical",
        "in-progress",
        "North End",
        14,
        12,
    ),
    (
        "Street light out in front of the library",
        "infrastructure",
        "medium",
        "open",
        "Back Bay",
        1,
        47,
    ),
    (
        "Overflowing bins along the playground fence",
        "sanitation",
        "medium",
        "acknowledged",
        "Dorchester",
        3,
        128,
    ),
    (
        "Deep pothole in the cycle lane, Mass. Ave. near Albany Street, eastbound",
        "infrastructure",
        "high",
        "open",
        "South End",
        6,
        305,
    ),
    (
        "Loud construction before seven in the morning",
        "noise",
        "low",
        "open",
        "Allston",
        2,
        570,
    ),
    (
        "Broken window at the community centre",
        "maintenance",
        "high",
        "on-hold",
        "Roxbury",
        1,
        1_600,
    ),
    (
        "Missing manhole cover",
        "safety",
        "critical",
        "resolved",
        "Mattapan",
        9,
        2_300,
    ),
    (
        "Graffiti on the underpass wall",
        "maintenance",
        "low",
        "resolved",
        "Jamaica Plain",
        1,
        4_600,
    ),
];

fn full(now: Timestamp) -> CityView {
    let start = date(2026, 10, 23);
    let days = (0_i64..30)
        .map(|i| {
            let wave = [61, 58, 24, 19, 66, 70, 64][usize::try_from(i % 7).unwrap_or(0)];
            let drift = u64::try_from(i * 7 % 13 + i / 3).unwrap_or(0);
            Day {
                day: start
                    .checked_add(SignedDuration::from_hours(24 * i))
                    .unwrap_or(start),
                reported: wave + drift,
                resolved: (wave * 9 / 10 + drift / 2)
                    .saturating_sub(u64::try_from(i % 5).unwrap_or(0)),
            }
        })
        .collect();
    let category = |name: &str, open| Category {
        name: name.to_owned(),
        open,
    };
    CityView {
        city: boston(),
        time_zone: TimeZone::get("America/New_York").unwrap_or(TimeZone::UTC),
        period: "Last 30 days".to_owned(),
        counts: Counts {
            open: 1_284,
            overdue: 97,
            reported: 1_931,
            resolved: 1_702,
        },
        compliance: Some(Compliance {
            share: 0.924,
            score: 88.85,
            grade: Grade::B,
            average_hours: 18.5,
        }),
        days,
        trend: Trend::Stable,
        categories: vec![
            category("infrastructure", 512),
            category("sanitation", 331),
            category("maintenance", 204),
            category("safety", 118),
            category("noise", 81),
            category("other", 38),
        ],
        newest: ISSUES
            .iter()
            .enumerate()
            .map(
                |(i, (title, category, severity, status, area, reports, minutes))| PublicIssue {
                    id: 48_213 - i64::try_from(i).unwrap_or(0) * 3,
                    title: (*title).to_owned(),
                    category: (*category).to_owned(),
                    severity: (*severity).to_owned(),
                    status: (*status).to_owned(),
                    area: Some((*area).to_owned()),
                    reports: *reports,
                    created_at: now - SignedDuration::from_mins(*minutes),
                },
            )
            .collect(),
        calculated_at: now,
    }
}

fn boston() -> City {
    City {
        slug: "boston".to_owned(),
        name: "City of Boston".to_owned(),
    }
}

#[expect(clippy::print_stdout, reason = "the page is what this program is for")]
fn main() {
    let now = "2026-11-21T13:32:00Z".parse().unwrap_or_default();
    let mut view = full(now);
    if std::env::args().nth(1).as_deref() == Some("empty") {
        view.counts = Counts::default();
        view.compliance = None;
        view.days.clear();
        view.categories.clear();
        view.newest.clear();
    }
    let sample = Sample {
        cities: vec![
            boston(),
            City {
                slug: "harbour-hotel".to_owned(),
                name: "Harbour Hotel".to_owned(),
            },
            City {
                slug: "north-campus".to_owned(),
                name: "North Campus".to_owned(),
            },
        ],
        view,
        cost: Cost {
            statements: 4,
            database: Duration::from_micros(1_310),
            total: Duration::from_micros(1_920),
        },
        now,
    };
    print!("{}", sample.html());
}
