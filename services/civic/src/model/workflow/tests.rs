use jiff::{Timestamp, ToSpan};

use super::plan::list;
use super::*;

const RULES: WorkflowRules = WorkflowRules {
    auto_close_days: 7,
    reopen_days: 14,
    archive_days: 365,
};

fn now() -> Timestamp {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

fn situation(status: Status) -> Situation {
    Situation {
        status,
        close_reason: None,
        acknowledged: status != Status::Open,
        resolved_at: (status == Status::Resolved).then(now),
        closed_at: (status == Status::Closed).then(now),
        merged: false,
        archived: false,
    }
}

fn plan(s: &Situation, change: StatusChange, role: ActorRole) -> Result<Plan, WorkflowError> {
    s.plan(change, role, &RULES, now())
}

fn closing(reason: CloseReason) -> StatusChange {
    StatusChange {
        close_reason: Some(reason),
        ..StatusChange::to(Status::Closed)
    }
}

#[test]
fn words_are_read_back_and_the_alias_is_understood() {
    for s in Status::ALL {
        assert_eq!(Status::parse(s.as_str()), Some(*s));
        let json = serde_json::to_string(s).unwrap();
        assert_eq!(json, format!("\"{s}\""));
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), *s);
    }
    assert_eq!(Status::parse("in_progress"), Some(Status::InProgress));
    assert_eq!(
        serde_json::from_str::<Status>("\"in_progress\"").unwrap(),
        Status::InProgress
    );
    assert_eq!(Status::parse("Open"), None);
}

#[test]
fn the_table_is_as_published() {
    let of = |role| {
        Status::ALL
            .iter()
            .map(|s| list(&allowed_transitions(*s, role)))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(ActorRole::Agent),
        [
            "acknowledged, in-progress, on-hold, resolved, closed",
            "in-progress, on-hold, resolved, closed",
            "on-hold, resolved, closed",
            "acknowledged, in-progress, resolved, closed",
            "open, closed",
            "nothing",
        ]
    );
    assert_eq!(of(ActorRole::Manager)[5], "open");
    assert_eq!(
        of(ActorRole::Reporter),
        ["nothing", "nothing", "nothing", "nothing", "open", "open"]
    );
    assert_eq!(
        of(ActorRole::System),
        [
            "acknowledged",
            "nothing",
            "nothing",
            "nothing",
            "open, closed",
            "nothing"
        ]
    );
    for role in [ActorRole::Importer, ActorRole::Auditor] {
        assert!(of(role).iter().all(|s| s == "nothing"));
    }
}

#[test]
fn a_refusal_names_what_is_allowed() {
    let e = plan(
        &situation(Status::InProgress),
        StatusChange::to(Status::Open),
        ActorRole::Agent,
    );
    let e = e.unwrap_err();
    assert_eq!(e.code(), "civic.invalid_transition");
    let allowed = vec![Status::OnHold, Status::Resolved, Status::Closed];
    assert_eq!(
        e,
        WorkflowError::InvalidTransition {
            from: Status::InProgress,
            to: Status::Open,
            allowed
        }
    );
}

#[test]
fn the_same_status_changes_nothing_for_anyone() {
    for s in Status::ALL {
        let plan = plan(&situation(*s), StatusChange::to(*s), ActorRole::Agent).unwrap();
        assert!(plan.is_noop() && plan.effects.is_empty());
    }
}

#[test]
fn leaving_open_acknowledges_once() {
    let open = situation(Status::Open);
    let effects = plan(
        &open,
        StatusChange::to(Status::InProgress),
        ActorRole::Agent,
    )
    .unwrap()
    .effects;
    assert_eq!(effects, [Effect::Acknowledge]);
    let seen = Situation {
        acknowledged: true,
        ..open
    };
    let effects = plan(
        &seen,
        StatusChange::to(Status::InProgress),
        ActorRole::Agent,
    )
    .unwrap()
    .effects;
    assert!(effects.is_empty());
}

#[test]
fn a_hold_needs_its_reason_and_stops_the_clock() {
    let open = situation(Status::Open);
    let bare = StatusChange::to(Status::OnHold);
    let e = plan(&open, bare, ActorRole::Agent).unwrap_err();
    assert_eq!(e.code(), "civic.hold_reason_required");
    let change = StatusChange {
        hold_reason: Some(HoldReason::Weather),
        ..bare
    };
    let effects = plan(&open, change, ActorRole::Agent).unwrap().effects;
    assert_eq!(
        effects,
        [Effect::Acknowledge, Effect::PauseSla(HoldReason::Weather)]
    );
    let held = situation(Status::OnHold);
    let effects = plan(&held, StatusChange::to(Status::Resolved), ActorRole::Agent)
        .unwrap()
        .effects;
    assert_eq!(
        effects,
        [
            Effect::ResumeSla,
            Effect::Resolve,
            Effect::NotifySubscribers
        ]
    );
}

#[test]
fn closing_decides_or_excludes_by_its_reason() {
    let open = situation(Status::Open);
    let effects = |s: &Situation, r| plan(s, closing(r), ActorRole::Agent).unwrap().effects;
    let tail = [Effect::Close, Effect::NotifySubscribers];
    let with = |head: &[Effect]| [head, &tail].concat();
    assert_eq!(
        effects(&open, CloseReason::Fixed),
        with(&[Effect::Acknowledge, Effect::Resolve])
    );
    for reason in CloseReason::ALL.iter().copied().filter(|r| r.excludes()) {
        assert_eq!(
            effects(&open, reason),
            with(&[Effect::StopSla { excluded: true }])
        );
    }
    let stop = Effect::StopSla { excluded: false };
    assert_eq!(
        effects(&open, CloseReason::NoAction),
        with(&[Effect::Acknowledge, stop])
    );
    assert_eq!(
        effects(&situation(Status::Resolved), CloseReason::Duplicate),
        tail
    );
    let e = plan(&open, StatusChange::to(Status::Closed), ActorRole::Agent).unwrap_err();
    assert_eq!(e.code(), "civic.close_reason_required");
}

#[test]
fn reporters_reopen_within_the_window_only() {
    let reopen = StatusChange::to(Status::Open);
    for status in [Status::Resolved, Status::Closed] {
        let s = situation(status);
        let ask = |t| s.plan(reopen, ActorRole::Reporter, &RULES, t);
        let last = now() + (14 * 24).hours();
        assert_eq!(ask(last).unwrap().effects[0], Effect::Reopen);
        let late = ask(last + 1.microsecond()).unwrap_err();
        assert_eq!(
            late,
            WorkflowError::InvalidTransition {
                from: status,
                to: Status::Open,
                allowed: vec![]
            }
        );
    }
    for reason in [CloseReason::Duplicate, CloseReason::Invalid] {
        let s = Situation {
            close_reason: Some(reason),
            ..situation(Status::Closed)
        };
        assert!(plan(&s, reopen, ActorRole::Reporter).is_err());
        assert!(plan(&s, reopen, ActorRole::Agent).is_err());
        assert!(plan(&s, reopen, ActorRole::Manager).is_ok());
    }
}

#[test]
fn the_service_closes_and_archives_after_their_days() {
    let s = situation(Status::Resolved);
    let close = StatusChange::to(Status::Closed);
    assert!(
        s.plan(
            close,
            ActorRole::System,
            &RULES,
            now() + (7 * 24 - 1).hours()
        )
        .is_err()
    );
    let done = s
        .plan(close, ActorRole::System, &RULES, now() + (7 * 24).hours())
        .unwrap();
    assert_eq!(done.close_reason, Some(CloseReason::Fixed));
    let s = situation(Status::Closed);
    assert!(!s.archives(&RULES, now() + (365 * 24 - 1).hours()));
    assert!(s.archives(&RULES, now() + (365 * 24).hours()));
}

#[test]
fn archived_and_merged_issues_stay_as_they_are() {
    let archived = Situation {
        archived: true,
        ..situation(Status::Closed)
    };
    let e = plan(&archived, StatusChange::to(Status::Open), ActorRole::Admin).unwrap_err();
    assert_eq!(e.code(), "civic.issue_archived");
    let merged = Situation {
        merged: true,
        ..situation(Status::Closed)
    };
    assert!(plan(&merged, StatusChange::to(Status::Open), ActorRole::Admin).is_err());
    assert!(merged.allowed(ActorRole::Admin, &RULES, now()).is_empty());
}
