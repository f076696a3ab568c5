//! The clock of one issue: runs, pauses, ends, and says what was kept.
//!
//! The spans in which the clock stood are kept, not only their sum: another promise on another calendar can then be
//! counted exactly, also where it ran out before a pause.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::PolicySnapshot;
use crate::model::calendar::{Calendar, due, elapsed};

/// Whether the clock of an issue runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlaState {
    /// Time is being used up.
    Running,
    /// The issue is on hold for a reason that stops the clock.
    Paused,
    /// Resolved, closed or excluded.
    Done,
}

impl SlaState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Running, Self::Paused, Self::Done];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
        }
    }

    /// The state of that exact word; `None` for any other text.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// A span in which the clock stood: on hold, or ended and reopened later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When it stopped.
    pub from: Timestamp,
    /// When it ran again.
    pub to: Timestamp,
}

/// Spans kept for one issue. Far more than people make; past it the two closest are taken as one.
const MAX_STOPS: usize = 128;

/// What reopening does to the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReopenMode {
    /// It goes on; the time between the end and the reopening does not count.
    #[default]
    Continue,
    /// A new clock starts with the whole promise.
    Restart,
}

/// What a step of the clock changed, for history and alerts.
///
/// Counters are not derived from these but from the row before and after.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum SlaChange {
    /// Acknowledgement was decided; `met` is `None` where none was promised.
    Acknowledged {
        /// Whether it came in time.
        met: Option<bool>,
    },
    /// Resolution was decided; `met` is `None` where none was promised.
    Resolved {
        /// Whether it came in time.
        met: Option<bool>,
    },
    /// The due instant of acknowledgement passed; `at` is that instant, not the time of noticing.
    AckBreached {
        /// The due instant.
        at: Timestamp,
    },
    /// The due instant of resolution passed; `at` is that instant, not the time of noticing.
    Breached {
        /// The due instant.
        at: Timestamp,
    },
    /// The clock stands.
    Paused,
    /// The clock runs again after a pause.
    Resumed,
    /// The clock runs again after its end; an earlier verdict no longer counts.
    Reopened,
    /// Another promise or another start: due instants are as they are now.
    Rescheduled,
    /// The clock ended without a verdict.
    Stopped,
    /// The issue no longer counts, or counts again.
    Excluded(bool),
}

/// The row of an issue's service level.
///
/// Every method takes `now` and, as `calendar`, the one that [`PolicySnapshot::calendar_id`] names. A breach that nobody
/// has noticed yet is recorded first, with the due instant as its time, so results do not depend on when timers run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sla {
    /// The promise.
    pub policy: PolicySnapshot,
    /// When the issue was created.
    pub created_at: Timestamp,
    /// When the clock started: `created_at`, or the last reopening that restarted it.
    pub started_at: Timestamp,
    /// When acknowledgement is due.
    pub ack_due_at: Option<Timestamp>,
    /// When resolution is due.
    pub resolve_due_at: Option<Timestamp>,
    /// When it was acknowledged; a resolution without acknowledgement counts as one.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Minutes of the calendar used until acknowledgement.
    pub ack_minutes_used: Option<f64>,
    /// Hours by the wall clock from creation to resolution.
    pub resolution_time_hours: Option<f64>,
    /// Hours of the calendar used until resolution, without pauses.
    pub business_hours_used: Option<f64>,
    /// Seconds by the wall clock spent paused.
    pub paused_seconds: i64,
    /// Since when the clock stands: paused, or stopped without being resolved.
    pub paused_since: Option<Timestamp>,
    /// The spans in which it stood, in order.
    #[serde(default)]
    pub stops: Vec<Stop>,
    /// Whether acknowledgement came in time.
    pub met_ack: Option<bool>,
    /// Whether resolution came in time.
    pub met_sla: Option<bool>,
    /// The due instant of acknowledgement, once passed.
    pub ack_breached_at: Option<Timestamp>,
    /// The due instant of resolution, once passed.
    pub breached_at: Option<Timestamp>,
    /// Whether the issue is left out of all compliance figures.
    pub excluded: bool,
    /// Whether the clock runs.
    pub state: SlaState,
}

impl Sla {
    /// The clock of a new issue.
    pub fn start(
        policy: PolicySnapshot,
        created_at: Timestamp,
        calendar: Option<&Calendar>,
    ) -> Self {
        let promise = |m: Option<u32>| m.map(|m| due(created_at, minutes(m), calendar));
        Self {
            ack_due_at: promise(policy.ack_minutes),
            resolve_due_at: promise(policy.resolve_minutes),
            policy,
            created_at,
            started_at: created_at,
            acknowledged_at: None,
            resolved_at: None,
            ack_minutes_used: None,
            resolution_time_hours: None,
            business_hours_used: None,
            paused_seconds: 0,
            paused_since: None,
            stops: Vec::new(),
            met_ack: None,
            met_sla: None,
            ack_breached_at: None,
            breached_at: None,
            excluded: false,
            state: SlaState::Running,
        }
    }

    /// The clock of an imported case with its own due instant; kept when `closed` is not after `due`.
    ///
    /// Without `due` nothing is decided. Acknowledgement is unknown and stays so.
    pub fn imported(
        created_at: Timestamp,
        due: Option<Timestamp>,
        closed: Option<Timestamp>,
    ) -> Self {
        let mut sla = Self::start(PolicySnapshot::imported(), created_at, None);
        sla.resolve_due_at = due;
        if let Some(closed) = closed {
            let mut unused = Vec::new();
            sla.settle(closed, &mut unused);
            sla.finish(closed, None);
        }
        sla
    }

    /// Whether the issue still counts and waits for its resolution.
    pub fn is_live(&self) -> bool {
        self.state != SlaState::Done
    }

    /// The next instant at which [`Sla::breach`] will find something; `None` while the clock stands.
    pub fn next_due(&self) -> Option<Timestamp> {
        if self.state != SlaState::Running {
            return None;
        }
        let ack = self
            .ack_due_at
            .filter(|_| self.awaits_ack() && self.ack_breached_at.is_none());
        let resolve = self.resolve_due_at.filter(|_| self.breached_at.is_none());
        ack.into_iter().chain(resolve).min()
    }

    /// Records the due instants that have passed by `now`.
    pub fn breach(&mut self, now: Timestamp) -> Vec<SlaChange> {
        let mut changes = Vec::new();
        self.settle(now, &mut changes);
        changes
    }

    /// Decides acknowledgement; nothing when it already is.
    pub fn acknowledge(&mut self, now: Timestamp, calendar: Option<&Calendar>) -> Vec<SlaChange> {
        let mut changes = self.breach(now);
        self.decide_ack(now, calendar, &mut changes);
        changes
    }

    /// Decides resolution, and acknowledgement where it is open. A pause ends first. Nothing when already done.
    pub fn resolve(&mut self, now: Timestamp, calendar: Option<&Calendar>) -> Vec<SlaChange> {
        let mut changes = self.breach(now);
        if self.is_live() {
            self.run_on(now, calendar);
            self.decide_ack(now, calendar, &mut changes);
            self.finish(now, calendar);
            changes.push(SlaChange::Resolved { met: self.met_sla });
        }
        changes
    }

    /// Stops the clock for a hold; nothing unless it runs.
    pub fn pause(&mut self, now: Timestamp) -> Vec<SlaChange> {
        let mut changes = self.breach(now);
        if self.state == SlaState::Running {
            self.state = SlaState::Paused;
            self.paused_since = Some(now);
            changes.push(SlaChange::Paused);
        }
        changes
    }

    /// Lets a paused clock run on: what was left of a promise is left again. Nothing unless it is paused.
    pub fn resume(&mut self, now: Timestamp, calendar: Option<&Calendar>) -> Vec<SlaChange> {
        if self.state != SlaState::Paused {
            return Vec::new();
        }
        self.run_on(now, calendar);
        vec![SlaChange::Resumed]
    }

    /// Ends the clock without a verdict: the issue was closed though never resolved.
    ///
    /// With `excluded` it leaves all compliance figures; otherwise only what was already decided counts.
    pub fn stop(&mut self, now: Timestamp, excluded: bool) -> Vec<SlaChange> {
        let mut changes = self.breach(now);
        if self.is_live() {
            self.paused_since.get_or_insert(now);
            self.state = SlaState::Done;
            changes.push(SlaChange::Stopped);
        }
        changes.extend(self.set_excluded(excluded));
        changes
    }

    /// Takes the issue out of all compliance figures, or back in; verdicts stay on the row.
    pub fn set_excluded(&mut self, excluded: bool) -> Option<SlaChange> {
        (self.excluded != excluded).then(|| {
            self.excluded = excluded;
            SlaChange::Excluded(excluded)
        })
    }

    /// Runs again after the end: the verdict on resolution is taken back, acknowledgement stays decided.
    pub fn reopen(
        &mut self,
        now: Timestamp,
        mode: ReopenMode,
        calendar: Option<&Calendar>,
    ) -> Vec<SlaChange> {
        if self.is_live() {
            return Vec::new();
        }
        let ended = self.resolved_at.or(self.paused_since).unwrap_or(now);
        self.resolved_at = None;
        self.met_sla = None;
        self.resolution_time_hours = None;
        self.business_hours_used = None;
        self.state = SlaState::Paused;
        self.paused_since = Some(ended);
        let mut changes = vec![SlaChange::Reopened];
        // Paused time is time on hold; waiting for a reopening is not.
        let on_hold = self.paused_seconds;
        self.run_on(now, calendar);
        self.paused_seconds = on_hold;
        if let (ReopenMode::Restart, Some(promise)) = (mode, self.policy.resolve_minutes) {
            self.started_at = now;
            self.resolve_due_at = Some(due(now, minutes(promise), calendar));
            self.breached_at = None;
            self.paused_seconds = 0;
        }
        changes.extend(self.set_excluded(false));
        self.settle(now, &mut changes);
        changes
    }

    /// Gives a live issue another promise, counted from its original creation; nothing when it is done.
    ///
    /// For a change of category or severity, and for a recomputation that an administrator asks for. `calendar` is
    /// that of the new promise.
    pub fn repick(
        &mut self,
        policy: PolicySnapshot,
        calendar: Option<&Calendar>,
        now: Timestamp,
    ) -> Vec<SlaChange> {
        if !self.is_live() || policy == self.policy {
            return Vec::new();
        }
        self.reschedule(policy, self.created_at, calendar, now)
    }

    /// Moves the creation of a live issue, which took over an older one; nothing when it is done.
    pub fn rebase(
        &mut self,
        created_at: Timestamp,
        calendar: Option<&Calendar>,
        now: Timestamp,
    ) -> Vec<SlaChange> {
        if !self.is_live() || created_at == self.created_at {
            return Vec::new();
        }
        self.reschedule(self.policy.clone(), created_at, calendar, now)
    }

    /// How much of the promise to resolve is used, 0 to 1; 1 once breached, 0 while paused, done or without promise.
    pub fn urgency(&self, now: Timestamp, calendar: Option<&Calendar>) -> f64 {
        if self.state != SlaState::Running {
            return 0.0;
        }
        let Some(due_at) = self.resolve_due_at else {
            return 0.0;
        };
        if self.breached_at.is_some() || now >= due_at {
            return 1.0;
        }
        let left = elapsed(now, due_at, calendar).as_secs_f64();
        let allowed = match self.policy.resolve_minutes {
            Some(m) => f64::from(m) * 60.0,
            None => elapsed(self.created_at, due_at, calendar).as_secs_f64(),
        };
        if allowed > 0.0 {
            (1.0 - left / allowed).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }

    fn awaits_ack(&self) -> bool {
        self.met_ack.is_none() && self.acknowledged_at.is_none()
    }

    fn settle(&mut self, now: Timestamp, changes: &mut Vec<SlaChange>) {
        if self.state != SlaState::Running {
            return;
        }
        if let Some(at) = self.ack_due_at.filter(|at| *at <= now)
            && self.awaits_ack()
            && self.ack_breached_at.is_none()
        {
            self.ack_breached_at = Some(at);
            changes.push(SlaChange::AckBreached { at });
        }
        if let Some(at) = self.resolve_due_at.filter(|at| *at <= now)
            && self.breached_at.is_none()
        {
            self.breached_at = Some(at);
            changes.push(SlaChange::Breached { at });
        }
    }

    fn decide_ack(
        &mut self,
        now: Timestamp,
        calendar: Option<&Calendar>,
        changes: &mut Vec<SlaChange>,
    ) {
        if !self.is_live() || !self.awaits_ack() {
            return;
        }
        self.acknowledged_at = Some(now);
        self.judge_ack(calendar);
        changes.push(SlaChange::Acknowledged { met: self.met_ack });
    }

    fn judge_ack(&mut self, calendar: Option<&Calendar>) {
        let Some(at) = self.acknowledged_at else {
            return;
        };
        let used = self.used(self.created_at, at, calendar);
        self.ack_minutes_used = Some(used.as_secs_f64() / 60.0);
        self.met_ack = self.ack_due_at.map(|due| at <= due);
        self.ack_breached_at = self.ack_due_at.filter(|due| at > *due);
    }

    fn finish(&mut self, now: Timestamp, calendar: Option<&Calendar>) {
        self.state = SlaState::Done;
        self.resolved_at = Some(now);
        self.met_sla = self.resolve_due_at.map(|due| now <= due);
        // In time at the very due instant, also where the timer was quicker.
        self.breached_at = self.resolve_due_at.filter(|due| now > *due);
        let wall = now
            .duration_since(self.created_at)
            .max(SignedDuration::ZERO);
        self.resolution_time_hours = Some(wall.as_secs_f64() / 3600.0);
        let used = self.used(self.started_at, now, calendar);
        self.business_hours_used = Some(used.as_secs_f64() / 3600.0);
    }

    /// Ends a pause: what was left of each promise when the clock stopped is left again from `now`.
    fn run_on(&mut self, now: Timestamp, calendar: Option<&Calendar>) {
        if self.state != SlaState::Paused {
            return;
        }
        self.state = SlaState::Running;
        let Some(since) = self.paused_since.take() else {
            return;
        };
        if now <= since {
            return;
        }
        self.paused_seconds += now.duration_since(since).as_secs();
        self.note_stop(Stop {
            from: since,
            to: now,
        });
        let shift = |at: &mut Timestamp| {
            if *at > since {
                *at = due(now, elapsed(since, *at, calendar), calendar);
            }
        };
        if self.awaits_ack() {
            self.ack_due_at.as_mut().map(shift);
        }
        self.resolve_due_at.as_mut().map(shift);
    }

    fn note_stop(&mut self, stop: Stop) {
        self.stops.push(stop);
        if self.stops.len() > MAX_STOPS {
            let gap = |i: &usize| self.stops[i + 1].from.duration_since(self.stops[*i].to);
            let closest = (0..self.stops.len() - 1).min_by_key(gap).unwrap_or(0);
            let later = self.stops.remove(closest + 1);
            self.stops[closest].to = later.to;
        }
    }

    /// Open time between two instants in which the clock ran.
    fn used(
        &self,
        start: Timestamp,
        end: Timestamp,
        calendar: Option<&Calendar>,
    ) -> SignedDuration {
        let stood = |s: &Stop| elapsed(s.from.max(start), s.to.min(end), calendar);
        elapsed(start, end, calendar) - self.stops.iter().map(stood).sum::<SignedDuration>()
    }

    /// When `amount` of open time in which the clock ran has passed since `start`.
    fn due_from(
        &self,
        start: Timestamp,
        amount: SignedDuration,
        calendar: Option<&Calendar>,
    ) -> Timestamp {
        let (mut cursor, mut left) = (start, amount);
        for stop in &self.stops {
            let open = elapsed(cursor, stop.from, calendar);
            if left <= open {
                break;
            }
            left -= open;
            cursor = cursor.max(stop.to);
        }
        due(cursor, left, calendar)
    }

    fn reschedule(
        &mut self,
        policy: PolicySnapshot,
        created_at: Timestamp,
        calendar: Option<&Calendar>,
        now: Timestamp,
    ) -> Vec<SlaChange> {
        if self.started_at == self.created_at {
            self.started_at = created_at;
        }
        self.created_at = created_at;
        self.policy = policy;
        if let Some(m) = self.policy.ack_minutes {
            self.ack_due_at = Some(self.due_from(self.created_at, minutes(m), calendar));
        }
        if let Some(m) = self.policy.resolve_minutes {
            self.resolve_due_at = Some(self.due_from(self.started_at, minutes(m), calendar));
        }
        let mut changes = vec![SlaChange::Rescheduled];
        let (was_late, ack_was_late) = (self.breached_at.take(), self.ack_breached_at.take());
        self.judge_ack(calendar);
        // While paused the clock judges by the instant at which it stopped.
        let at = self.paused_since.unwrap_or(now);
        let state = std::mem::replace(&mut self.state, SlaState::Running);
        let mut late = Vec::new();
        self.settle(at, &mut late);
        self.state = state;
        // A breach that was known before is not news.
        changes.extend(late.into_iter().filter(|change| match change {
            SlaChange::Breached { .. } => was_late.is_none(),
            SlaChange::AckBreached { .. } => ack_was_late.is_none(),
            _ => true,
        }));
        changes
    }
}

fn minutes(n: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(n))
}
