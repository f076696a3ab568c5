//! Which status an issue may take next, who may say so, and what follows from it.
//!
//! A plan is data: whoever carries it out owns the row, the clock and the messages.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Declares an enumeration whose words are used in JSON and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word $(, alias = $alias)?)] $variant),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of that exact word; `None` for any other text.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word $(| $alias)? => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where an issue stands.
    Status {
        /// Nobody has looked at it.
        Open = "open",
        /// Seen and taken note of.
        Acknowledged = "acknowledged",
        /// Being worked on; `in_progress` is accepted as input.
        InProgress = "in-progress" | "in_progress",
        /// Waiting for something outside of the crew's power.
        OnHold = "on-hold",
        /// Done, as far as the crew knows.
        Resolved = "resolved",
        /// Over.
        Closed = "closed",
    }
}

impl Status {
    /// Whether somebody still has to do something.
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed)
    }
}

words! {
    /// Why an issue was closed.
    CloseReason {
        /// The thing is repaired.
        Fixed = "fixed",
        /// Another issue is about the same thing.
        Duplicate = "duplicate",
        /// Looked at, nothing to do.
        NoAction = "no_action",
        /// Somebody else's task.
        NotResponsible = "not_responsible",
        /// Taken back.
        Cancelled = "cancelled",
        /// Not a real report.
        Invalid = "invalid",
        /// Put away, as with old imported cases.
        Archived = "archived",
    }
}

impl CloseReason {
    /// Whether an issue closed for this reason without ever being resolved leaves the compliance figures.
    pub const fn excludes(self) -> bool {
        matches!(
            self,
            Self::Duplicate | Self::NotResponsible | Self::Cancelled | Self::Invalid
        )
    }
}

words! {
    /// Why an issue waits.
    HoldReason {
        /// For an answer of the reporter.
        WaitingReporter = "waiting_reporter",
        /// For another organisation.
        WaitingThirdParty = "waiting_third_party",
        /// For better weather.
        Weather = "weather",
        /// For a date that is set.
        Scheduled = "scheduled",
    }
}

words! {
    /// Who acts.
    ActorRole {
        /// Somebody who reported this issue.
        Reporter = "reporter",
        /// Crew or front desk.
        Agent = "agent",
        /// Leads agents.
        Manager = "manager",
        /// Administers the tenant.
        Admin = "admin",
        /// Operates the platform.
        PlatformAdmin = "platform_admin",
        /// May only bring in data.
        Importer = "importer",
        /// May only read.
        Auditor = "auditor",
        /// A rule or timer of the service; for a reopening, a newly linked report.
        System = "system",
    }
}

impl ActorRole {
    /// Whether the role includes an agent's rights.
    pub const fn is_staff(self) -> bool {
        matches!(
            self,
            Self::Agent | Self::Manager | Self::Admin | Self::PlatformAdmin
        )
    }

    /// Whether the role includes a manager's rights.
    pub const fn is_manager(self) -> bool {
        matches!(self, Self::Manager | Self::Admin | Self::PlatformAdmin)
    }
}

/// The tenant's windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRules {
    /// Days from resolution until the service closes the issue.
    pub auto_close_days: u32,
    /// Days from resolution or closing in which a reporter may reopen; the last instant included.
    pub reopen_days: u32,
    /// Days from closing until the issue is archived.
    pub archive_days: u32,
}

impl Default for WorkflowRules {
    fn default() -> Self {
        Self {
            auto_close_days: 7,
            reopen_days: 14,
            archive_days: 365,
        }
    }
}

/// What of an issue decides about its next status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Where it stands.
    pub status: Status,
    /// Why it was closed.
    pub close_reason: Option<CloseReason>,
    /// Whether it was ever acknowledged.
    pub acknowledged: bool,
    /// When it was resolved, unless reopened since.
    pub resolved_at: Option<Timestamp>,
    /// When it was closed, unless reopened since.
    pub closed_at: Option<Timestamp>,
    /// Whether it was merged into another; only unmerging brings it back.
    pub merged: bool,
    /// Whether it is archived: read only.
    pub archived: bool,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The wanted status.
    pub to: Status,
    /// Required for `closed`; for `resolved` it is `fixed` when absent.
    pub close_reason: Option<CloseReason>,
    /// Required for `on-hold`.
    pub hold_reason: Option<HoldReason>,
}

impl StatusChange {
    /// A change without reasons.
    pub const fn to(to: Status) -> Self {
        Self {
            to,
            close_reason: None,
            hold_reason: None,
        }
    }
}

/// One thing that follows from a change of status; to be carried out in the plan's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The clock runs again after a hold.
    ResumeSla,
    /// `acknowledged_at` is now, and the promise to acknowledge is decided.
    Acknowledge,
    /// The clock stops, if the tenant lets this reason stop it.
    PauseSla(HoldReason),
    /// `resolved_at` is now, and the promise to resolve is decided.
    Resolve,
    /// `closed_at` is now.
    Close,
    /// The clock ends without a verdict; `excluded` takes the issue out of all compliance figures.
    StopSla {
        /// Whether it leaves the figures.
        excluded: bool,
    },
    /// `reopened_count` grows, `resolved_at`, `closed_at` and the close reason go, and the clock runs again.
    Reopen,
    /// Those who follow the issue are told.
    NotifySubscribers,
}

/// A change that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The status so far.
    pub from: Status,
    /// The status afterwards.
    pub to: Status,
    /// The close reason afterwards.
    pub close_reason: Option<CloseReason>,
    /// What follows; empty when the status stays as it is.
    pub effects: Vec<Effect>,
}

impl Plan {
    /// Whether nothing changes.
    pub fn is_noop(&self) -> bool {
        self.from == self.to
    }
}

/// Why a change of status is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// Not from here, or not by this caller, or no longer.
    #[error(
        "an issue that is {from} cannot become {to}; allowed now: {}",
        list(allowed)
    )]
    InvalidTransition {
        /// The status so far.
        from: Status,
        /// The wanted status.
        to: Status,
        /// What this caller may ask for instead.
        allowed: Vec<Status>,
    },
    /// The issue is read only.
    #[error("the issue is archived and can only be read")]
    Archived,
    /// A hold needs its reason.
    #[error("a hold needs a reason")]
    HoldReasonRequired,
    /// Closing needs its reason.
    #[error("closing needs a reason")]
    CloseReasonRequired,
}

impl WorkflowError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidTransition { .. } => "civic.invalid_transition",
            Self::Archived => "civic.issue_archived",
            Self::HoldReasonRequired => "civic.hold_reason_required",
            Self::CloseReasonRequired => "civic.close_reason_required",
        }
    }
}

fn list(statuses: &[Status]) -> String {
    let words: Vec<&str> = statuses.iter().map(|s| s.as_str()).collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

/// The table: whether `role` may move an issue between two statuses, windows of time apart.
fn may(from: Status, to: Status, role: ActorRole) -> bool {
    use Status::{Acknowledged, Closed, InProgress, OnHold, Open, Resolved};
    let system = role == ActorRole::System;
    let reporter = role == ActorRole::Reporter;
    let staff = role.is_staff();
    match (from, to) {
        (Open, Acknowledged) | (Resolved, Closed) => staff || system,
        (Open | Acknowledged, InProgress)
        | (OnHold, InProgress | Acknowledged)
        | (Open | Acknowledged | InProgress, OnHold)
        | (Open | Acknowledged | InProgress | OnHold, Resolved | Closed) => staff,
        (Resolved, Open) => staff || reporter || system,
        (Closed, Open) => role.is_manager() || reporter,
        _ => false,
    }
}

/// The statuses that `role` may ask for from `status`, windows of time apart.
pub fn allowed_transitions(status: Status, role: ActorRole) -> Vec<Status> {
    Status::ALL
        .iter()
        .copied()
        .filter(|to| may(status, *to, role))
        .collect()
}

impl Situation {
    /// The statuses that `role` may ask for now.
    pub fn allowed(&self, role: ActorRole, rules: &WorkflowRules, now: Timestamp) -> Vec<Status> {
        let mut allowed = allowed_transitions(self.status, role);
        allowed.retain(|to| self.permits(*to, role, rules, now));
        allowed
    }

    fn permits(&self, to: Status, role: ActorRole, rules: &WorkflowRules, now: Timestamp) -> bool {
        if self.merged || self.archived || !may(self.status, to, role) {
            return false;
        }
        let unwanted = matches!(
            (self.status, self.close_reason),
            (
                Status::Closed,
                Some(CloseReason::Duplicate | CloseReason::Invalid)
            )
        );
        match (role, to) {
            (ActorRole::Reporter, Status::Open) => {
                let ended = match self.status {
                    Status::Closed => self.closed_at,
                    _ => self.resolved_at,
                };
                !unwanted && ended.is_some_and(|t| now.duration_since(t) <= days(rules.reopen_days))
            }
            (ActorRole::System, Status::Closed) => self.auto_closes(rules, now),
            _ => true,
        }
    }

    /// Whether the service should close this resolved issue now.
    pub fn auto_closes(&self, rules: &WorkflowRules, now: Timestamp) -> bool {
        self.status == Status::Resolved
            && self
                .resolved_at
                .is_some_and(|t| now.duration_since(t) >= days(rules.auto_close_days))
    }

    /// Whether the service should archive this closed issue now; its close reason stays.
    pub fn archives(&self, rules: &WorkflowRules, now: Timestamp) -> bool {
        self.status == Status::Closed
            && !self.archived
            && self
                .closed_at
                .is_some_and(|t| now.duration_since(t) >= days(rules.archive_days))
    }

    /// What follows when `role` asks for `change` now. Asking for the present status is allowed and changes nothing.
    ///
    /// Whatever takes an issue out of `open` acknowledges it, unless it is closed as no case at all. The service closes
    /// with the reason of the resolution. Closing as `no_action` or `archived` ends the clock without a verdict.
    ///
    /// # Errors
    ///
    /// [`WorkflowError::InvalidTransition`] with what the caller may ask for, [`WorkflowError::Archived`], and a missing
    /// reason.
    pub fn plan(
        &self,
        change: StatusChange,
        role: ActorRole,
        rules: &WorkflowRules,
        now: Timestamp,
    ) -> Result<Plan, WorkflowError> {
        let (from, to) = (self.status, change.to);
        if from == to {
            let close_reason = self.close_reason;
            return Ok(Plan {
                from,
                to,
                close_reason,
                effects: Vec::new(),
            });
        }
        if self.archived {
            return Err(WorkflowError::Archived);
        }
        if !self.permits(to, role, rules, now) {
            let allowed = self.allowed(role, rules, now);
            return Err(WorkflowError::InvalidTransition { from, to, allowed });
        }
        let mut effects = Vec::new();
        if from == Status::OnHold {
            effects.push(Effect::ResumeSla);
        }
        let mut close_reason = None;
        match to {
            Status::Open => effects.extend([Effect::Reopen, Effect::NotifySubscribers]),
            Status::Acknowledged | Status::InProgress => self.acknowledge(&mut effects),
            Status::OnHold => {
                let reason = change
                    .hold_reason
                    .ok_or(WorkflowError::HoldReasonRequired)?;
                self.acknowledge(&mut effects);
                effects.push(Effect::PauseSla(reason));
            }
            Status::Resolved => {
                close_reason = Some(change.close_reason.unwrap_or(CloseReason::Fixed));
                self.acknowledge(&mut effects);
                effects.extend([Effect::Resolve, Effect::NotifySubscribers]);
            }
            Status::Closed => {
                let reason = match (change.close_reason, role) {
                    (Some(reason), _) => reason,
                    (None, ActorRole::System) => self.close_reason.unwrap_or(CloseReason::Fixed),
                    (None, _) => return Err(WorkflowError::CloseReasonRequired),
                };
                close_reason = Some(reason);
                if self.resolved_at.is_none() {
                    let excluded = reason.excludes();
                    if !excluded {
                        self.acknowledge(&mut effects);
                    }
                    effects.push(match reason {
                        CloseReason::Fixed => Effect::Resolve,
                        _ => Effect::StopSla { excluded },
                    });
                }
                effects.extend([Effect::Close, Effect::NotifySubscribers]);
            }
        }
        Ok(Plan {
            from,
            to,
            close_reason,
            effects,
        })
    }

    fn acknowledge(&self, effects: &mut Vec<Effect>) {
        if !self.acknowledged {
            effects.push(Effect::Acknowledge);
        }
    }
}

fn days(n: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(n))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

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
}
