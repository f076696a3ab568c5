//! When to fetch the keys of an issuer, and when not to. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use brisk_core::Ticks;
use tokio::sync::watch;

/// The usual life of a key set, and the bounds of a shorter one that the issuer asks for.
const LIFE: Duration = Duration::from_hours(1);
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);

/// From this part of its life on a set is refreshed behind the requests.
const REFRESH_AT: f64 = 0.8;

/// How long keys are used after their life when their issuer does not answer.
const STALE: Duration = Duration::from_hours(24);

/// The longest pause between two failing fetches.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Between two refreshes that unknown keys cause.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long a name is known not to be a key, and how many such names are remembered.
const UNKNOWN_FOR: Duration = Duration::from_mins(5);
const UNKNOWN: usize = 128;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It uses the keys that are there.
    Use,
    /// The same, and a refresh begins behind it.
    Refresh,
    /// It waits for a fetch.
    Wait,
    /// There are no keys, and it is not the time to ask; it waits for a fetch that is under way.
    Unavailable,
}

/// What is known of an issuer's keys beside the keys.
#[derive(Debug)]
pub(crate) struct State {
    fetched: Ticks,
    life: Duration,
    etag: Option<String>,
    jwks_uri: Option<String>,
    fetches: u64,
    failures: u32,
    retry_at: Ticks,
    forced: Option<Ticks>,
    /// Names that are no keys, the latest last.
    unknown: VecDeque<(String, Ticks)>,
    flight: Option<watch::Receiver<()>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            fetched: Ticks::ZERO,
            life: Duration::ZERO,
            etag: None,
            jwks_uri: None,
            fetches: 0,
            failures: 0,
            retry_at: Ticks::ZERO,
            forced: None,
            unknown: VecDeque::new(),
            flight: None,
        }
    }
}

impl State {
    pub(crate) fn plan(&self, has_keys: bool, now: Ticks) -> Plan {
        let may_ask = now >= self.retry_at;
        if !has_keys || !self.is_usable(now) {
            return if may_ask {
                Plan::Wait
            } else {
                Plan::Unavailable
            };
        }
        let aging = now.since(self.fetched) >= self.life.mul_f64(REFRESH_AT);
        if aging && may_ask && self.flight().is_none() {
            Plan::Refresh
        } else {
            Plan::Use
        }
    }

    /// Whether keys that were fetched may be used at all.
    pub(crate) fn is_usable(&self, now: Ticks) -> bool {
        now.since(self.fetched) < self.life + STALE
    }

    /// The fetch under way.
    pub(crate) fn flight(&self) -> Option<watch::Receiver<()>> {
        // One whose sender is gone has ended, by a panic too.
        self.flight
            .clone()
            .filter(|flight| flight.has_changed().is_ok())
    }

    pub(crate) fn begin(&mut self, flight: watch::Receiver<()>) {
        self.flight = Some(flight);
    }

    /// How many fetches have succeeded.
    pub(crate) const fn fetches(&self) -> u64 {
        self.fetches
    }

    /// The place of the keys and the tag of the last answer.
    pub(crate) fn last(&self) -> (Option<String>, Option<String>) {
        (self.jwks_uri.clone(), self.etag.clone())
    }

    pub(crate) fn discovered(&mut self, uri: String) {
        self.jwks_uri = Some(uri);
    }

    pub(crate) fn succeeded(
        &mut self,
        now: Ticks,
        etag: Option<String>,
        max_age: Option<Duration>,
    ) {
        self.flight = None;
        self.fetched = now;
        self.fetches += 1;
        self.life = max_age.map_or(LIFE, |age| age.clamp(SHORTEST, LONGEST).min(LIFE));
        self.etag = etag;
        self.failures = 0;
        self.retry_at = Ticks::ZERO;
    }

    /// What was fetched just now is good for so long.
    pub(crate) const fn living(&mut self, life: Duration) {
        self.life = life;
    }

    /// The next fetch waits 1, 2, 4 … 60 s, a fifth more or less. The place of the keys is asked for again.
    pub(crate) fn failed(&mut self, now: Ticks) {
        self.flight = None;
        self.jwks_uri = None;
        let pause = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures += 1;
        self.retry_at = now.after(pause.mul_f64(0.8 + 0.4 * fastrand::f64()));
    }

    /// From when on it is worth a look whether to refresh.
    pub(crate) fn due(&self) -> Ticks {
        let aging = self.fetched.after(self.life.mul_f64(REFRESH_AT));
        aging.max(self.retry_at)
    }

    /// When to ask again, for a client.
    pub(crate) fn retry_after(&self, now: Ticks) -> Duration {
        self.retry_at.since(now).max(Duration::from_secs(1))
    }

    /// How long the keys have been past their life.
    pub(crate) fn stale(&self, now: Ticks) -> Duration {
        if self.failures == 0 || self.life.is_zero() {
            return Duration::ZERO;
        }
        now.since(self.fetched).saturating_sub(self.life)
    }

    /// Whether an unknown key may cause a refresh now; it is noted as caused.
    pub(crate) fn may_force(&mut self, now: Ticks) -> bool {
        let cool = self.forced.is_none_or(|at| now.since(at) >= COOL_DOWN);
        let may = cool && now >= self.retry_at;
        if may {
            self.forced = Some(now);
        }
        may
    }

    /// Whether a name was looked for a short time ago, in vain.
    pub(crate) fn is_known_unknown(&mut self, kid: &str, now: Ticks) -> bool {
        self.unknown.retain(|(_, until)| now < *until);
        let Some(i) = self.unknown.iter().position(|(name, _)| name == kid) else {
            return false;
        };
        // The least used goes first.
        if let Some(found) = self.unknown.remove(i) {
            self.unknown.push_back(found);
        }
        true
    }

    /// Notes a name that a fresh set has not.
    pub(crate) fn is_unknown(&mut self, kid: &str, now: Ticks) {
        // A name longer than any key's is not worth the room; without an entry it costs no more than a look.
        if kid.len() > 256 || self.is_known_unknown(kid, now) {
            return;
        }
        if self.unknown.len() >= UNKNOWN {
            self.unknown.pop_front();
        }
        self.unknown
            .push_back((kid.to_owned(), now.after(UNKNOWN_FOR)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn fetched(max_age: Option<Duration>) -> (State, Ticks) {
        let mut state = State::default();
        let now = Ticks::ZERO.after(Duration::from_hours(1000));
        assert_eq!(state.plan(false, now), Plan::Wait);
        state.succeeded(now, None, max_age);
        (state, now)
    }

    #[test]
    fn a_set_is_refreshed_from_four_fifths_of_its_life_on() {
        let (state, now) = fetched(None);
        assert_eq!(state.plan(true, now), Plan::Use);
        assert_eq!(state.plan(true, now.after(47 * MINUTE)), Plan::Use);
        assert_eq!(state.plan(true, now.after(49 * MINUTE)), Plan::Refresh);
        let (_landed, flight) = watch::channel(());
        let mut state = state;
        state.begin(flight);
        let then = state.plan(true, now.after(49 * MINUTE));
        assert_eq!(then, Plan::Use, "one is under way");
    }

    #[test]
    fn a_shorter_life_is_honoured_within_bounds() {
        for (asked, life) in [
            (0, 60),
            (59, 60),
            (600, 600),
            (86_400, 3600),
            (u64::MAX, 3600),
        ] {
            let (state, _) = fetched(Some(Duration::from_secs(asked)));
            assert_eq!(state.life, Duration::from_secs(life));
        }
    }

    #[test]
    fn failures_pause_longer_and_longer_and_keys_serve_for_a_day() {
        let (mut state, begin) = fetched(None);
        let mut now = begin.after(50 * MINUTE);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            state.failed(now);
            let early = now.after(Duration::from_millis(790) * seconds);
            let late = now.after(Duration::from_millis(1_210) * seconds);
            assert_eq!(state.plan(true, early), Plan::Use, "{seconds}");
            assert_eq!(state.plan(true, late), Plan::Refresh, "{seconds}");
            assert!(!state.may_force(early));
            now = late;
        }
        let last = begin.after(Duration::from_hours(25));
        assert!(state.is_usable(begin.after(Duration::from_mins(25 * 60 - 1))));
        assert!(!state.is_usable(last));
        assert_eq!(state.plan(true, last), Plan::Wait);
        state.failed(last);
        assert_eq!(state.plan(true, last), Plan::Unavailable);
        assert!(state.stale(last) >= Duration::from_hours(23));
        state.succeeded(last, None, None);
        assert_eq!(state.plan(true, last), Plan::Use);
        assert_eq!(state.stale(last), Duration::ZERO);
    }

    #[test]
    fn unknown_names_are_remembered_for_a_while_and_not_without_bound() {
        let (mut state, now) = fetched(None);
        assert!(state.may_force(now));
        assert!(!state.may_force(now.after(Duration::from_secs(29))));
        assert!(state.may_force(now.after(Duration::from_secs(31))));
        for i in 0..=UNKNOWN {
            state.is_unknown(&i.to_string(), now);
        }
        assert_eq!(state.unknown.len(), UNKNOWN);
        assert!(!state.is_known_unknown("0", now) && state.is_known_unknown("1", now));
        assert!(!state.is_known_unknown("1", now.after(5 * MINUTE + MINUTE)));
        assert!(state.unknown.is_empty());
        state.is_unknown(&"x".repeat(257), now);
        assert!(state.unknown.is_empty());
    }
}
