//! A fair share for each tenant when more is asked of the database than it takes at once.
//!
//! What is under way is bounded, and so is what waits. A place that becomes free goes to the tenants in turn, not to
//! whoever asked most, and when the line is full it is the tenant with most in it that is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use brisk_core::TenantId;
use tokio::sync::oneshot;

use crate::error::Error;

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Waiting pieces of work of all tenants.
    pub(crate) waiting: usize,
    pub(crate) wait: Duration,
    /// Whether places go to the tenants in turn; else to who came first.
    pub(crate) fair: bool,
}

/// The entrance to a part of the database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Patience,
    // A std mutex: held to move one piece of work on, never across an await.
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    /// Places in all.
    places: usize,
    /// Places that nobody has.
    free: usize,
    /// Places that are taken away as soon as somebody leaves them.
    owed: usize,
    waiting: usize,
    of: HashMap<TenantId, VecDeque<Waiter>>,
    /// Tenants that wait, the next one first.
    turns: VecDeque<TenantId>,
    next_id: u64,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    place: oneshot::Sender<Place>,
}

/// The right to have one piece of work under way; given on when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.hand_on();
        }
    }
}

impl Gate {
    /// A gate that lets `places` pieces of work through at once.
    pub(crate) fn new(places: usize, patience: Patience) -> Self {
        Self(Arc::new(Inner {
            patience,
            lines: Mutex::new(Lines {
                places: places.max(1),
                free: places.max(1),
                owed: 0,
                waiting: 0,
                of: HashMap::new(),
                turns: VecDeque::new(),
                next_id: 0,
            }),
        }))
    }

    /// Waits for the tenant's turn.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`] when too much waits already, and when its turn does not come in time.
    pub(crate) async fn enter(
        &self,
        tenant: TenantId,
        statement: &'static str,
    ) -> Result<Place, Error> {
        // One line for all is first come, first served.
        let tenant = if self.0.patience.fair {
            tenant
        } else {
            TenantId::PLATFORM
        };
        let overloaded = || Error::Overloaded { statement };
        let (id, place) = {
            let mut lines = self.lines();
            if lines.free > 0 {
                lines.free -= 1;
                return Ok(Place(Some(self.clone())));
            }
            if lines.waiting >= self.0.patience.waiting && !lines.make_room(tenant) {
                return Err(overloaded());
            }
            lines.stand(tenant)
        };
        let _leaving = Leaving {
            gate: self,
            tenant,
            id,
        };
        match tokio::time::timeout(self.0.patience.wait, place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(overloaded()),
        }
    }

    /// A place, if nobody has to wait for it.
    pub(crate) fn try_enter(&self) -> Option<Place> {
        let mut lines = self.lines();
        lines.free = lines.free.checked_sub(1)?;
        Some(Place(Some(self.clone())))
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> usize {
        self.lines().places
    }

    /// How much waits for its turn.
    pub(crate) fn waiting(&self) -> usize {
        self.lines().waiting
    }

    /// Lets no more than `places` pieces of work through at once from now on; those that have a place keep it.
    pub(crate) fn narrow(&self, places: usize) {
        let mut lines = self.lines();
        let fewer = lines.places.saturating_sub(places.max(1));
        let now = fewer.min(lines.free);
        lines.places -= fewer;
        lines.free -= now;
        lines.owed += fewer - now;
    }

    /// Gives a place to whoever is next.
    fn hand_on(&self) {
        loop {
            let next = {
                let mut lines = self.lines();
                if lines.owed > 0 {
                    lines.owed -= 1;
                    return;
                }
                let Some(next) = lines.next() else {
                    lines.free += 1;
                    return;
                };
                next
            };
            match next.place.send(Place(Some(self.clone()))) {
                Ok(()) => return,
                // That one left a moment ago; its place must not come back by its drop as well.
                Err(mut place) => place.0 = None,
            }
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        let lines = self.0.lines.lock();
        lines.expect("no holder of the gate's lock can panic")
    }
}

impl Lines {
    fn stand(&mut self, tenant: TenantId) -> (u64, oneshot::Receiver<Place>) {
        let id = self.next_id;
        self.next_id += 1;
        let (place, turn) = oneshot::channel();
        let line = self.of.entry(tenant).or_default();
        if line.is_empty() {
            self.turns.push_back(tenant);
        }
        line.push_back(Waiter { id, place });
        self.waiting += 1;
        (id, turn)
    }

    fn next(&mut self) -> Option<Waiter> {
        let tenant = self.turns.pop_front()?;
        let line = self.of.get_mut(&tenant)?;
        let waiter = line.pop_front()?;
        self.waiting -= 1;
        if line.is_empty() {
            self.of.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        Some(waiter)
    }

    /// Sends away the latest one of the tenant that has most in line, unless that is `tenant` itself.
    fn make_room(&mut self, tenant: TenantId) -> bool {
        let own = self.of.get(&tenant).map_or(0, VecDeque::len);
        let longest = self.of.iter().max_by_key(|(_, line)| line.len());
        let Some((greedy, length)) = longest.map(|(tenant, line)| (*tenant, line.len())) else {
            return false;
        };
        if length <= own + 1 {
            return false;
        }
        // Dropping its sender tells it.
        let last = self.of.get(&greedy).and_then(|line| line.back());
        let Some(id) = last.map(|waiter| waiter.id) else {
            return false;
        };
        self.leave(greedy, id);
        true
    }

    fn leave(&mut self, tenant: TenantId, id: u64) {
        let Some(line) = self.of.get_mut(&tenant) else {
            return;
        };
        // Ids grow along the line.
        let Ok(at) = line.binary_search_by_key(&id, |waiter| waiter.id) else {
            return;
        };
        line.remove(at);
        self.waiting -= 1;
        if line.is_empty() {
            self.of.remove(&tenant);
            self.turns.retain(|other| *other != tenant);
        }
    }
}

/// Takes a waiter out of its line when it stops waiting, for whatever reason.
struct Leaving<'a> {
    gate: &'a Gate,
    tenant: TenantId,
    id: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.gate.lines().leave(self.tenant, self.id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);
    const C: TenantId = TenantId(3);

    fn gate(waiting: usize, wait: Duration) -> Gate {
        let fair = true;
        Gate::new(
            1,
            Patience {
                waiting,
                wait,
                fair,
            },
        )
    }

    /// Stands in line, and says whose turn it was once it comes.
    async fn stand(gate: &Gate, tenant: TenantId, order: &Arc<Mutex<Vec<TenantId>>>) -> Entering {
        let (gate, order) = (gate.clone(), Arc::clone(order));
        let entering = tokio::spawn(async move {
            let _place = gate.enter(tenant, "test").await?;
            order.lock().unwrap().push(tenant);
            Ok(())
        });
        // On one thread it is in line after this.
        tokio::task::yield_now().await;
        entering
    }

    type Entering = JoinHandle<Result<(), Error>>;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn places_go_to_the_tenants_in_turn() {
        let (gate, order) = (gate(10, LONG), Arc::default());
        let place = gate.enter(A, "test").await.unwrap();
        let mut line = Vec::new();
        for tenant in [A, A, A, B, C, B] {
            line.push(stand(&gate, tenant, &order).await);
        }
        drop(place);
        for entering in line {
            entering.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [A, B, C, A, B, A]);
    }

    #[tokio::test]
    async fn a_full_line_refuses_the_tenant_that_fills_it() {
        let (gate, order) = (gate(4, LONG), Arc::default());
        let place = gate.enter(A, "test").await.unwrap();
        let mut line = Vec::new();
        for tenant in [A, A, A, A, A, B, C, B, B] {
            line.push(stand(&gate, tenant, &order).await);
        }
        drop(place);
        let mut refused = Vec::new();
        for (n, entering) in line.into_iter().enumerate() {
            match entering.await.unwrap() {
                Ok(()) => {}
                Err(Error::Overloaded { .. }) => refused.push(n),
                Err(other) => panic!("{other:?}"),
            }
        }
        // The fifth of A finds no room; B and C take that of A's last ones, B's second one finds A no longer than B.
        assert_eq!(refused, [2, 3, 4, 7, 8]);
        assert_eq!(*order.lock().unwrap(), [A, B, C, A]);
    }

    #[tokio::test]
    async fn who_leaves_the_line_takes_nothing_along() {
        let (gate, order) = (gate(3, LONG), Arc::default());
        let place = gate.enter(A, "test").await.unwrap();
        let left = stand(&gate, A, &order).await;
        let stays = stand(&gate, B, &order).await;
        left.abort();
        drop(left.await);
        {
            let lines = gate.lines();
            assert_eq!((lines.waiting, lines.of.len()), (1, 1));
        }
        // A place that is handed to somebody who leaves in the same moment goes on.
        let late = stand(&gate, C, &order).await;
        drop(place);
        stays.abort();
        drop(stays.await);
        late.await.unwrap().unwrap();
        let lines = gate.lines();
        assert_eq!((lines.free, lines.waiting, lines.of.len()), (1, 0, 0));
    }

    #[tokio::test]
    async fn a_gate_that_is_narrowed_lets_fewer_through() {
        let gate = Gate::new(4, gate(3, LONG).0.patience);
        let mut inside: Vec<_> = (0..3).map_while(|_| gate.try_enter()).collect();
        gate.narrow(2);
        assert_eq!((inside.len(), gate.places()), (3, 2));
        assert!(gate.try_enter().is_none());
        inside.pop();
        assert!(gate.try_enter().is_none());
        inside.pop();
        assert!(gate.try_enter().is_some());
        drop(inside);
        assert_eq!(gate.lines().free, 2);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let (gate, order) = (gate(3, Duration::from_millis(50)), Arc::default());
        let _place = gate.enter(A, "test").await.unwrap();
        let waiting = stand(&gate, B, &order).await.await.unwrap();
        assert!(
            matches!(waiting, Err(Error::Overloaded { .. })),
            "{waiting:?}"
        );
        assert_eq!(gate.lines().waiting, 0);
    }
}
