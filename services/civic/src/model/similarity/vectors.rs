//! The specification's vectors and the rules around them.

use super::*;
use crate::model::Category;
use crate::model::classify::Rules;
use crate::model::geo::Point;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use smallvec::smallvec;

const VECTORS: &str = "
Large pothole on Main Street near 1st Ave|Huge pothole at Main St and 1st Avenue|12|0.5|0.398|0.900|0.992|0.813|link
Large pothole on Main Street near 1st Ave|Deep hole in the road damaged my tire|8|1|0.041|0.933|0.983|0.645|review
Streetlight out on Oak|Street light not working on Oak Street|30|2|0.312|0.750|0.967|0.714|review
Graffiti on park wall|Overflowing bin in the park|10|0|0.188|0.933|1.000|0.342|new
Loud music every night|Loud party music again tonight|40|1|0.371|0.867|0.667|0.739|link
Garbage not collected on Elm|Trash was not picked up on Elm street|20|1|0.273|0.867|0.929|0.729|link
Broken bench in Hill Park|Broken bench in Hill Park|70|1|1.000|0.533|0.983|0.834|link";

/// Every score is shown, because nothing is below these thresholds.
fn open_tuning() -> Tuning {
    Tuning {
        review: 1e-6,
        ..Tuning::default()
    }
}

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn days_ago(days: f64) -> Timestamp {
    now() - SignedDuration::from_secs_f64(days * 86_400.0)
}

/// A point `metres` north of the reports of these tests.
fn north(metres: f64) -> Point {
    Point::new(48.2 + (metres / 6_371_008.8).to_degrees(), 16.37).unwrap()
}

fn report(text: &str) -> Incoming {
    let class = Rules::builtin().classify(text);
    Incoming {
        category: class.category,
        anchor: class.anchor,
        place: Place::new(Some(north(0.0)), None),
        text: Features::new(text),
        at: now(),
        zone: None,
    }
}

fn issue(id: i64, text: &str, metres: f64, age_days: f64) -> Known {
    let class = Rules::builtin().classify(text);
    Known {
        id,
        category: class.category,
        anchor: class.anchor,
        place: Place::new(Some(north(metres)), None),
        texts: smallvec![Features::new(text)],
        created_at: days_ago(age_days + 1.0),
        last_report_at: days_ago(age_days),
        standing: Standing::Active,
        zone: None,
        radius_m: None,
        window_days: None,
    }
}

fn verdict(decision: Decision) -> &'static str {
    match decision {
        Decision::Link(_) => "link",
        Decision::Review(_) => "review",
        Decision::New => "new",
    }
}

#[test]
fn the_vectors_hold_to_the_printed_digit() {
    for line in VECTORS.trim().lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let known = issue(
            1,
            fields[0],
            fields[2].parse().unwrap(),
            fields[3].parse().unwrap(),
        );
        let new = report(fields[1]);
        let all = rank(&open_tuning(), &new, [&known], 1);
        let parts = [
            all[0].text_sim,
            all[0].geo_sim.unwrap(),
            all[0].time_sim,
            all[0].score,
        ];
        let printed = parts.map(|part| format!("{part:.3}"));
        assert_eq!(printed, fields[4..8], "{line}");
        assert_eq!(
            verdict(best(&Tuning::default(), &new, [&known])),
            fields[8],
            "{line}"
        );
    }
}

#[test]
fn twice_the_radius_is_a_gate() {
    let text = "Large pothole on Main Street near 1st Ave";
    let new = report(text);
    assert_eq!(
        best(&open_tuning(), &new, [&issue(1, text, 400.0, 0.0)]),
        Decision::New
    );
    assert_eq!(
        rank(&open_tuning(), &new, [&issue(1, text, 120.5, 0.0)], 9),
        []
    );
    assert_eq!(
        rank(&open_tuning(), &new, [&issue(1, text, 119.5, 0.0)], 9).len(),
        1
    );
    let mut wide = issue(1, text, 400.0, 0.0);
    wide.radius_m = Some(500.0);
    assert_eq!(verdict(best(&Tuning::default(), &new, [&wide])), "link");
    wide.radius_m = Some(0.0);
    wide.place = Place::new(Some(north(0.0)), None);
    assert_eq!(best(&open_tuning(), &new, [&wide]), Decision::New);
}

#[test]
fn closed_issues_and_other_zones_are_gates() {
    let text = "Broken bench in Hill Park";
    let mut new = report(text);
    let mut known = issue(1, text, 0.0, 0.0);
    for (standing, expected) in [
        (Standing::Active, "link"),
        (Standing::Resolved(days_ago(7.0)), "link"),
        (Standing::Resolved(days_ago(7.01)), "new"),
        (Standing::Gone, "new"),
    ] {
        known.standing = standing;
        assert_eq!(
            verdict(best(&Tuning::default(), &new, [&known])),
            expected,
            "{standing:?}"
        );
    }
    known.standing = Standing::Active;
    (new.zone, known.zone) = (Some(1), Some(2));
    let indoors = Tuning {
        zones_apart: true,
        ..Tuning::default()
    };
    assert_eq!(verdict(best(&Tuning::default(), &new, [&known])), "link");
    assert_eq!(verdict(best(&indoors, &new, [&known])), "new");
    known.zone = None;
    assert_eq!(verdict(best(&indoors, &new, [&known])), "link");
}

#[test]
fn without_places_the_rest_counts_more_and_must_be_better() {
    let text = "Broken bench in Hill Park";
    let mut new = report(text);
    new.place = Place::default();
    let known = issue(1, text, 0.0, 48.0);
    let found = rank(&Tuning::default(), &new, [&known], 1)[0];
    assert_eq!(found.geo_sim, None);
    assert!(
        (found.score - (0.5 + 0.15 * 0.2) / 0.65).abs() < 1e-9,
        "{found:?}"
    );
    assert_eq!(
        found.verdict,
        Verdict::Review,
        "0.815 links only where places are known"
    );
    let fresh = issue(1, text, 0.0, 0.0);
    assert_eq!(verdict(best(&Tuning::default(), &new, [&fresh])), "link");
}

#[test]
fn room_numbers_tell_rooms_apart() {
    let text = "Shower in my room is cold";
    let mut new = report(text);
    let mut known = issue(1, text, 0.0, 0.0);
    new.place = Place::new(None, Some("Room 204, Floor 2"));
    known.place = Place::new(None, Some("room 204 floor 2"));
    assert_eq!(verdict(best(&Tuning::default(), &new, [&known])), "link");
    known.place = Place::new(None, Some("Room 205, Floor 2"));
    assert_eq!(verdict(best(&Tuning::default(), &new, [&known])), "review");
}

#[test]
fn ties_go_to_the_nearer_then_the_older_issue() {
    let text = "Large pothole on Main Street near 1st Ave";
    let new = report(text);
    // Within half the radius the bonus lifts all of these to exactly 1.
    let mut issues = vec![
        issue(1, text, 9.0, 0.0),
        issue(2, text, 5.0, 0.0),
        issue(3, text, 5.0, 0.0),
    ];
    issues[2].created_at = days_ago(9.0);
    let ids = |found: Vec<Match>| found.iter().map(|m| m.issue_id).collect::<Vec<_>>();
    assert_eq!(ids(rank(&Tuning::default(), &new, &issues, 9)), [3, 2, 1]);
    for _ in 0..3 {
        issues.rotate_left(1);
        let Decision::Link(found) = best(&Tuning::default(), &new, &issues) else {
            panic!("no link")
        };
        assert_eq!(
            (found.issue_id, found.score.to_bits()),
            (3, 1.0_f64.to_bits())
        );
    }
    issues[0].created_at = issues[1].created_at;
    issues[2].created_at = issues[1].created_at;
    assert_eq!(ids(rank(&Tuning::default(), &new, &issues, 2)), [2, 3]);
}

#[test]
fn the_best_of_an_issues_texts_counts() {
    let new = report("Broken bench in Hill Park");
    let mut known = issue(1, "Seat damaged", 70.0, 1.0);
    known.category = Category::Maintenance;
    known.texts.push(Features::new("Broken bench in Hill Park"));
    known.texts.push(Features::new("it wobbles"));
    let found = rank(&Tuning::default(), &new, [&known], 1)[0];
    assert!((found.text_sim - 1.0).abs() < 1e-12);
}

proptest! {
    #[test]
    fn the_best_is_the_first_of_the_ranking(
        texts in prop::collection::vec("(pothole|bench|noise|fire)( park| street| wall){0,3}", 1..12),
        metres in prop::collection::vec(0.0..200.0_f64, 12),
        ages in prop::collection::vec(-1.0..20.0_f64, 12),
        new in "(pothole|bench|noise|fire)( park| street| wall){0,3}",
    ) {
        let issues: Vec<Known> = texts
            .iter()
            .zip(1..)
            .zip(metres.iter().zip(&ages))
            .map(|((text, id), (&m, &age))| issue(id, text, m, age))
            .collect();
        let new = report(&new);
        let ranked = rank(&Tuning::default(), &new, &issues, issues.len());
        match best(&Tuning::default(), &new, &issues) {
            Decision::Link(found) => prop_assert_eq!((found.verdict, Some(&found)), (Verdict::Link, ranked.first())),
            Decision::Review(found) => prop_assert_eq!((found.verdict, Some(&found)), (Verdict::Review, ranked.first())),
            Decision::New => prop_assert!(ranked.is_empty()),
        }
        for pair in rank(&open_tuning(), &new, &issues, 99).windows(2) {
            prop_assert!(pair[0].score >= pair[1].score && pair[0].score <= 1.0 && pair[1].score >= 0.0);
        }
    }
}
