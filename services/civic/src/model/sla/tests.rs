use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::json;

use super::*;
use crate::model::calendar::{Calendar, elapsed};
use crate::model::{Category, Severity};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Monday to Friday, 08:00 to 18:00 UTC; 2026-03-06 is a Friday.
fn office() -> Calendar {
    let weekly: serde_json::Map<_, _> = (1..=5)
        .map(|d| (d.to_string(), json!([[480, 1080]])))
        .collect();
    Calendar::from_json(&json!({"timezone": "UTC", "weekly": weekly, "holidays": []})).unwrap()
}

fn promise(ack_minutes: u32, resolve_minutes: u32) -> PolicySnapshot {
    PolicySnapshot {
        source: PolicySource::Policy,
        policy_id: Some(1),
        ack_minutes: Some(ack_minutes),
        resolve_minutes: Some(resolve_minutes),
        calendar_id: None,
    }
}

fn policy(id: i64, category: Option<Category>, severity: Option<Severity>) -> Policy {
    Policy {
        id,
        category,
        severity,
        ack_minutes: 10,
        resolve_minutes: 20,
        calendar_id: None,
        effective_from: at("2026-01-01T00:00:00Z"),
        effective_to: None,
    }
}

#[test]
fn the_most_specific_valid_policy_is_picked() {
    let (noise, high) = (Category::Noise, Severity::High);
    let mut policies = vec![
        policy(1, None, None),
        policy(2, Some(noise), None),
        policy(3, None, Some(high)),
        policy(4, Some(noise), Some(high)),
    ];
    let when = at("2026-02-01T00:00:00Z");
    let defaults = SlaDefaults::default();
    let id = |p: &[Policy], c, s, t| pick_policy(p, &defaults, c, s, t).policy_id;
    assert_eq!(id(&policies, noise, high, when), Some(4));
    assert_eq!(id(&policies[..3], noise, high, when), Some(3));
    assert_eq!(id(&policies[..2], noise, high, when), Some(2));
    assert_eq!(id(&policies, Category::Other, Severity::Low, when), Some(1));
    assert_eq!(id(&policies, noise, high, at("2025-12-31T23:59:59Z")), None);
    policies[3].effective_to = Some(when);
    assert_eq!(id(&policies, noise, high, when), Some(3));
    assert_eq!(id(&policies, noise, high, when - 1.second()), Some(4));
    policies.push(Policy {
        effective_from: at("2026-01-15T00:00:00Z"),
        ..policy(5, None, Some(high))
    });
    assert_eq!(id(&policies, noise, high, when), Some(5));
}

#[test]
fn defaults_and_the_graduated_template_are_as_published() {
    let d = SlaDefaults::default();
    let of = |s: Severity| (d.of(s).ack_minutes, d.of(s).resolve_minutes / 60);
    assert_eq!(
        Severity::ALL.map(of),
        [(1440, 72), (1440, 72), (240, 72), (60, 24)]
    );
    let hours =
        graduated_template().map(|(_, t, on_calendar)| (t.resolve_minutes / 60, on_calendar));
    assert_eq!(hours, [(24, false), (48, false), (120, true), (240, true)]);
    let picked = pick_policy(
        &[],
        &d,
        Category::Other,
        Severity::Critical,
        at("2026-01-01T00:00:00Z"),
    );
    assert_eq!(
        (picked.source, picked.resolve_minutes),
        (PolicySource::Builtin, Some(1440))
    );
}

#[test]
fn in_time_is_up_to_and_including_the_due_instant() {
    let start = at("2026-03-02T00:00:00Z");
    for (late, met) in [(0, true), (1, false)] {
        let mut sla = Sla::start(promise(60, 1440), start, None);
        sla.acknowledge(start + 1.hour() + late.microseconds(), None);
        assert_eq!(sla.met_ack, Some(met));
        assert_eq!(sla.ack_breached_at.is_some(), !met);
        let changes = sla.resolve(start + 24.hours() + late.microseconds(), None);
        assert_eq!(sla.met_sla, Some(met));
        assert_eq!(sla.breached_at.is_some(), !met);
        assert_eq!(
            changes.last(),
            Some(&SlaChange::Resolved { met: Some(met) })
        );
        assert_eq!(sla.state, SlaState::Done);
    }
}

#[test]
fn a_timer_that_fires_at_the_due_instant_does_not_spoil_an_answer_in_time() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 60), start, None);
    assert_eq!(sla.next_due(), Some(start + 1.hour()));
    assert_eq!(sla.breach(start + 1.hour()).len(), 2);
    assert_eq!(sla.next_due(), None);
    sla.resolve(start + 1.hour(), None);
    assert_eq!((sla.met_sla, sla.breached_at), (Some(true), None));
    assert_eq!((sla.met_ack, sla.ack_breached_at), (Some(true), None));
}

#[test]
fn a_breach_carries_the_due_instant_whoever_notices_it() {
    let start = at("2026-03-02T00:00:00Z");
    let due = start + 24.hours();
    let mut by_timer = Sla::start(promise(60, 1440), start, None);
    by_timer.breach(start + 30.hours());
    let mut by_closing = by_timer.clone();
    by_closing.breached_at = None;
    by_closing.ack_breached_at = None;
    by_timer.resolve(start + 40.hours(), None);
    let changes = by_closing.resolve(start + 40.hours(), None);
    assert_eq!(by_timer, by_closing);
    assert_eq!(by_timer.breached_at, Some(due));
    assert!(changes.contains(&SlaChange::Breached { at: due }));
    assert!(by_timer.breach(start + 50.hours()).is_empty());
}

#[test]
fn resolving_without_acknowledgement_counts_as_one() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 1440), start, None);
    sla.resolve(start + 30.minutes(), None);
    assert_eq!(
        (sla.met_ack, sla.ack_minutes_used),
        (Some(true), Some(30.0))
    );
    assert_eq!(
        (sla.resolution_time_hours, sla.business_hours_used),
        (Some(0.5), Some(0.5))
    );
}

#[test]
fn a_pause_moves_both_due_instants_by_the_remaining_open_time() {
    let office = office();
    let friday = at("2026-03-06T16:00:00Z");
    let mut sla = Sla::start(promise(180, 600), friday, Some(&office));
    assert_eq!(sla.ack_due_at, Some(at("2026-03-09T09:00:00Z")));
    assert_eq!(sla.resolve_due_at, Some(at("2026-03-09T16:00:00Z")));
    // One hour is used up before the pause, which lasts over the weekend until Tuesday noon.
    sla.pause(at("2026-03-06T17:00:00Z"));
    assert_eq!(sla.next_due(), None);
    assert!(sla.breach(at("2026-03-10T00:00:00Z")).is_empty());
    sla.resume(at("2026-03-10T12:00:00Z"), Some(&office));
    assert_eq!(sla.ack_due_at, Some(at("2026-03-10T14:00:00Z")));
    assert_eq!(sla.resolve_due_at, Some(at("2026-03-11T11:00:00Z")));
    assert_eq!(sla.paused_seconds, (7 + 24 * 3 + 12) * 3600);
    sla.resolve(at("2026-03-10T15:00:00Z"), Some(&office));
    assert_eq!(sla.business_hours_used, Some(4.0));
    assert_eq!((sla.met_ack, sla.met_sla), (Some(false), Some(true)));
    assert_eq!(sla.resolution_time_hours, Some(95.0));
}

#[test]
fn a_pause_after_the_breach_does_not_save_it() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 60), start, None);
    let changes = sla.pause(start + 2.hours());
    assert!(changes.contains(&SlaChange::Breached {
        at: start + 1.hour()
    }));
    sla.resume(start + 3.hours(), None);
    sla.resolve(start + 4.hours(), None);
    assert_eq!(
        (sla.met_sla, sla.breached_at),
        (Some(false), Some(start + 1.hour()))
    );
    assert_eq!(sla.business_hours_used, Some(3.0));
}

#[test]
fn reopening_goes_on_where_the_clock_ended() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 600), start, None);
    sla.resolve(start + 4.hours(), None);
    let mut again = sla.clone();
    again.reopen(start + 100.hours(), ReopenMode::Continue, None);
    assert_eq!(
        (
            again.resolved_at,
            again.met_sla,
            again.resolution_time_hours
        ),
        (None, None, None)
    );
    assert_eq!(again.resolve_due_at, Some(start + 106.hours()));
    assert_eq!((again.paused_seconds, again.state), (0, SlaState::Running));
    again.resolve(start + 107.hours(), None);
    assert_eq!(
        (again.met_sla, again.business_hours_used),
        (Some(false), Some(11.0))
    );

    sla.reopen(start + 100.hours(), ReopenMode::Restart, None);
    assert_eq!(sla.resolve_due_at, Some(start + 110.hours()));
    sla.resolve(start + 110.hours(), None);
    assert_eq!(
        (sla.met_sla, sla.business_hours_used),
        (Some(true), Some(10.0))
    );
    assert_eq!(sla.resolution_time_hours, Some(110.0));
    assert_eq!(
        sla.met_ack,
        Some(false),
        "the first answer came after four hours"
    );
}

#[test]
fn a_missed_issue_stays_breached_when_its_clock_goes_on() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 60), start, None);
    sla.resolve(start + 2.hours(), None);
    let changes = sla.reopen(start + 5.hours(), ReopenMode::Continue, None);
    assert_eq!(changes, [SlaChange::Reopened]);
    assert_eq!(sla.breached_at, Some(start + 1.hour()));
}

#[test]
fn an_excluded_issue_counts_again_when_reopened() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 600), start, None);
    assert_eq!(
        sla.stop(start + 30.minutes(), true),
        [SlaChange::Stopped, SlaChange::Excluded(true)]
    );
    assert_eq!(sla.next_due(), None);
    assert!(sla.breach(start + 99.hours()).is_empty());
    sla.reopen(start + 20.hours(), ReopenMode::Continue, None);
    assert!(!sla.excluded);
    assert_eq!(sla.ack_due_at, Some(start + 20.hours() + 30.minutes()));
    assert_eq!(sla.resolve_due_at, Some(start + 29.hours() + 30.minutes()));
}

#[test]
fn another_severity_counts_its_promise_from_the_creation() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 600), start, None);
    sla.pause(start + 1.hour());
    sla.resume(start + 3.hours(), None);
    let strict = promise(30, 240);
    let changes = sla.repick(strict.clone(), None, start + 4.hours());
    assert_eq!(sla.resolve_due_at, Some(start + 6.hours()));
    assert_eq!(changes[0], SlaChange::Rescheduled);
    let late = sla.repick(promise(30, 90), None, start + 5.hours());
    assert!(late.contains(&SlaChange::Breached {
        at: start + 210.minutes()
    }));
    let mild = sla.repick(promise(600, 6000), None, start + 5.hours());
    assert_eq!(mild, [SlaChange::Rescheduled]);
    assert_eq!((sla.breached_at, sla.ack_breached_at), (None, None));
    let short = sla.repick(promise(30, 30), None, start + 5.hours());
    assert!(
        short.contains(&SlaChange::Breached {
            at: start + 30.minutes()
        }),
        "before the hold"
    );
    sla.resolve(start + 6.hours(), None);
    assert!(sla.repick(strict, None, start + 7.hours()).is_empty());
}

#[test]
fn taking_over_an_older_issue_brings_the_due_instant_forward() {
    let start = at("2026-03-02T10:00:00Z");
    let mut sla = Sla::start(promise(60, 600), start, None);
    sla.rebase(start - 4.hours(), None, start + 10.minutes());
    assert_eq!(sla.resolve_due_at, Some(start + 6.hours()));
    assert_eq!(sla.ack_breached_at, Some(start - 3.hours()));
}

#[test]
fn an_imported_case_is_judged_by_its_own_due_instant() {
    let (start, due) = (at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let met = |closed| Sla::imported(start, Some(due), closed);
    let kept = met(Some(due));
    assert_eq!(
        (kept.met_sla, kept.resolution_time_hours, kept.breached_at),
        (Some(true), Some(72.0), None)
    );
    let missed = met(Some(due + 1.second()));
    assert_eq!(
        (missed.met_sla, missed.breached_at),
        (Some(false), Some(due))
    );
    assert_eq!((missed.met_ack, missed.acknowledged_at), (None, None));
    let mut open = met(None);
    assert_eq!(
        (open.state, open.next_due()),
        (SlaState::Running, Some(due))
    );
    open.resolve(due, None);
    assert_eq!((open.met_sla, open.met_ack), (Some(true), None));
    let unknown = Sla::imported(start, None, Some(due));
    assert_eq!((unknown.met_sla, unknown.state), (None, SlaState::Done));
    assert_eq!(
        serde_json::to_value(&kept.policy).unwrap()["source"],
        "import"
    );
}

#[test]
fn urgency_follows_the_used_share() {
    let start = at("2026-03-02T00:00:00Z");
    let mut sla = Sla::start(promise(60, 600), start, None);
    assert!((sla.urgency(start + 5.hours(), None) - 0.5).abs() < 1e-12);
    assert!((sla.urgency(start + 10.hours(), None) - 1.0).abs() < 1e-12);
    sla.pause(start + 5.hours());
    assert!(sla.urgency(start + 6.hours(), None).abs() < 1e-12);
}

proptest::proptest! {
    /// Holds of any length at any time leave exactly the promised open time between them.
    #[test]
    fn pauses_never_eat_the_promise(cuts in proptest::collection::vec(0_i64..400_000, 2..12), m in 6_000_u32..20_000) {
        let office = office();
        let start = at("2026-03-06T16:00:00Z");
        let mut sla = Sla::start(promise(m, m), start, Some(&office));
        let (mut now, mut used, mut running) = (start, SignedDuration::ZERO, true);
        for seconds in cuts {
            let next = now + SignedDuration::from_secs(seconds);
            if running {
                used += elapsed(now, next, Some(&office));
                sla.pause(next);
            } else {
                sla.resume(next, Some(&office));
            }
            (now, running) = (next, !running);
        }
        sla.resume(now, Some(&office));
        sla.resolve(now, Some(&office));
        let hours = sla.business_hours_used.unwrap();
        proptest::prop_assert!((hours - used.as_secs_f64() / 3600.0).abs() < 1e-9);
        let promised = SignedDuration::from_mins(i64::from(m));
        if used != promised {
            proptest::prop_assert_eq!(sla.met_sla, Some(used < promised));
        }
        let late = Sla { resolved_at: None, met_sla: None, state: SlaState::Running, ..sla.clone() };
        let mut recounted = Sla { policy: promise(1, 1), ..late };
        recounted.repick(promise(m, m), Some(&office), now);
        proptest::prop_assert_eq!(recounted.resolve_due_at, sla.resolve_due_at);
    }
}
