//! Which of the statements on one connection the server is at. Answers come in the order of the questions, but those who
//! wait for them wake up in any order.

use std::collections::VecDeque;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Order {
    /// The turn of the first one in `answered`.
    first: usize,
    /// Statements from the first unanswered one on, and whether their answers are known to be there.
    answered: VecDeque<bool>,
    /// Since when the first one is the first.
    since: Instant,
    /// Turns whose callers left before the answer.
    pub(super) abandoned: Vec<usize>,
    /// Statements sent since it was asked last, and how many stood before them.
    sent: u64,
    before: u64,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            answered: VecDeque::new(),
            since: Instant::now(),
            abandoned: Vec::new(),
            sent: 0,
            before: 0,
        }
    }

    /// The turn of a statement that is sent now.
    pub(super) fn send(&mut self) -> usize {
        if self.answered.is_empty() {
            self.since = Instant::now();
        }
        self.sent += 1;
        self.before += self.answered.len() as u64;
        self.answered.push_back(false);
        self.first + self.answered.len() - 1
    }

    /// Since when the server has been at this statement; `None` while another one may still be before it.
    pub(super) fn head_since(&self, turn: usize) -> Option<Instant> {
        (turn == self.first).then_some(self.since)
    }

    /// Since when the first one has waited for its answer; `None` where nothing is under way.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        (!self.answered.is_empty()).then_some(self.since)
    }

    /// How many were sent since this was asked last, and how many stood before them in all.
    pub(super) fn crowd(&mut self) -> (u64, u64) {
        (
            std::mem::take(&mut self.sent),
            std::mem::take(&mut self.before),
        )
    }

    /// Since when every answer is there.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.answered.is_empty().then_some(self.since)
    }

    /// Notes that the answer is there.
    pub(super) fn answer(&mut self, turn: usize) {
        let place = turn.checked_sub(self.first);
        if let Some(answered) = place.and_then(|place| self.answered.get_mut(place)) {
            *answered = true;
        }
        while self.answered.front() == Some(&true) {
            self.answered.pop_front();
            self.first += 1;
            self.since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_unanswered_one_is_the_head() {
        let mut order = Order::new();
        let [a, b, c] = [order.send(), order.send(), order.send()];
        assert!(order.head_since(a).is_some() && order.head_since(b).is_none());
        order.answer(c);
        order.answer(b);
        assert!(order.head_since(b).is_none() && order.head_since(c).is_none());
        assert!(order.head_since(a).is_some());
        order.answer(a);
        assert!(order.waits_since().is_none());
        let d = order.send();
        assert!(order.waits_since().is_some());
        assert!(order.head_since(d).is_some());
        assert_eq!((order.first, order.answered.len()), (3, 1));
        // 0, 1 and 2 stood before the first three, nobody before the last one.
        assert_eq!((order.crowd(), order.crowd()), ((4, 3), (0, 0)));
        assert!(order.idle_since().is_none());
        order.answer(d);
        assert!(order.idle_since().is_some());
    }
}
