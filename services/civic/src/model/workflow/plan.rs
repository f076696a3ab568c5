//! The table of changes, and what follows from each.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::words::{ActorRole, CloseReason, HoldReason, Status};

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

pub(super) fn list(statuses: &[Status]) -> String {
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
