//! Puts a subject through the scenarios.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::load::{Gates, Load, Place};
use super::report::Report;
use super::scenario::{ALL, READERS, Scenario, Step};
use super::truth::{Answer, Floor, KEYS, Truth};
use super::{News, Subject};

/// How long a get may go on by itself, in turns of everybody, before it counts as one that waits for another's load.
const TURNS: u32 = 12;

/// The same once nothing holds it up any more.
const LAST_TURNS: u32 = 100_000;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Interleavings in all, shared out evenly among the scenarios. A scenario with fewer orders has each of them run, and
    /// again; of one with more, orders are drawn.
    pub interleavings: u64,
    /// Threads, each with a subject of its own. Within a thread one thing happens at a time.
    pub threads: u64,
    /// What chance is drawn from: the same seed and threads draw the same orders.
    pub seed: u64,
}

impl Effort {
    /// A few seconds in a debug build.
    pub const fn short(seed: u64) -> Self {
        Self {
            interleavings: 20_000,
            threads: 2,
            seed,
        }
    }

    /// What a cache should have been through before anybody relies on it.
    pub const fn full(seed: u64) -> Self {
        Self {
            interleavings: 1_000_000,
            ..Self::short(seed)
        }
    }
}

/// Runs the suite; `make` makes a subject, inside the runtime that will drive it.
///
/// Waits until all is done: call it outside of any runtime.
pub fn run<S: Subject>(effort: Effort, make: impl Fn() -> S + Sync) -> Report {
    let threads = effort.threads.max(1);
    let parts: Vec<Report> = std::thread::scope(|scope| {
        let part = |thread| {
            let make = &make;
            scope.spawn(move || run_part(effort, thread, threads, make))
        };
        let parts: Vec<_> = (0..threads).map(part).collect();
        let ended = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut parts = parts.into_iter();
    let mut report = parts.next().unwrap_or_default();
    parts.for_each(|part| report.add(part));
    report
}

fn run_part<S: Subject>(
    effort: Effort,
    thread: u64,
    threads: u64,
    make: &(impl Fn() -> S + Sync),
) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without network needs nothing that can be missing");
    runtime.block_on(async {
        let subject = Arc::new(make());
        let mut rng = fastrand::Rng::with_seed(effort.seed ^ thread);
        let mut report = Report {
            subject: subject.name(),
            seed: effort.seed,
            ..Report::default()
        };
        let share = effort.interleavings / ALL.len() as u64 / threads;
        let truth = Arc::new(Truth::default());
        let mut base = 0;
        for scenario in ALL {
            for n in 0..share {
                let order = order(&scenario, share, thread + n * threads, &mut rng);
                let before = truth.tally();
                let run = Run {
                    subject: &subject,
                    truth: &truth,
                    base,
                    is_warm: order.is_warm,
                    gates: std::array::from_fn(|_| Arc::default()),
                    under_way: Vec::new(),
                };
                run.whole(&order.steps).await;
                base += KEYS as u64;
                let after = truth.tally();
                if after.failures() > before.failures()
                    && report.first.iter().all(|(name, _)| *name != scenario.name)
                {
                    report.first.push((scenario.name, order.text()));
                }
            }
            let mut tally = truth.take_tally();
            tally.interleavings = share;
            report.scenarios.push((scenario.name, tally));
        }
        report
    })
}

struct Order {
    steps: Vec<Step>,
    /// Whether the keys are in the cache before the first step.
    is_warm: bool,
}

impl Order {
    fn text(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(|step| format!("{step:?}")).collect();
        let begin = if self.is_warm { "warm" } else { "cold" };
        format!("{begin}, {}", steps.join(", "))
    }
}

/// Where all orders fit into a share, each comes in its turn; else they are drawn.
fn order(scenario: &Scenario, share: u64, n: u64, rng: &mut fastrand::Rng) -> Order {
    let steps = match scenario.orders() {
        Some(orders) if orders <= share => scenario.order(n / 2 % orders),
        _ => scenario.drawn(rng),
    };
    Order {
        steps,
        is_warm: n.is_multiple_of(2),
    }
}

/// One interleaving.
struct Run<'a, S> {
    subject: &'a Arc<S>,
    truth: &'a Arc<Truth>,
    /// The first of its keys.
    base: u64,
    is_warm: bool,
    gates: [Arc<Gates>; READERS],
    under_way: Vec<JoinHandle<()>>,
}

impl<S: Subject> Run<'_, S> {
    async fn whole(mut self, steps: &[Step]) {
        self.truth.begin();
        if self.is_warm {
            for key in 0..KEYS {
                self.look(key).await;
            }
        }
        for step in steps {
            self.step(*step).await;
        }
        for gates in &self.gates {
            gates.open_before();
            gates.open_after();
        }
        for task in std::mem::take(&mut self.under_way) {
            self.until(LAST_TURNS, || task.is_finished()).await;
            if !task.is_finished() {
                task.abort();
                self.truth.stuck();
            } else if task.await.is_err() {
                self.truth.broke();
            }
        }
        for key in 0..KEYS {
            self.look(key).await;
        }
        let load = Load::through(self.truth, 0);
        let get = self.subject.get(self.base, load.clone());
        if self.answered(get).await.is_some() && !load.has_run() {
            self.truth.kept();
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Ask(reader, key) => {
                let (subject, truth) = (Arc::clone(self.subject), Arc::clone(self.truth));
                let gates = Arc::clone(&self.gates[reader]);
                let load = Load::stopping(&truth, key, &gates);
                let (named, floor) = (self.base + key as u64, truth.floor(key));
                self.under_way.push(tokio::spawn(async move {
                    let answer = subject.get(named, load).await;
                    truth.judge(key, floor, answer, false);
                    gates.arrive(Place::Done);
                }));
                let gates = &self.gates[reader];
                self.until(TURNS, || !gates.is_at(Place::Cache)).await;
            }
            Step::Read(reader) => {
                let gates = &self.gates[reader];
                let goes = gates.is_at(Place::BeforeRead);
                gates.open_before();
                if goes {
                    self.until(TURNS, || !gates.is_at(Place::BeforeRead)).await;
                }
            }
            Step::Answer(reader) => {
                let gates = &self.gates[reader];
                let goes = gates.is_at(Place::AfterRead);
                gates.open_after();
                if goes {
                    self.until(TURNS, || gates.is_at(Place::Done)).await;
                }
            }
            Step::Write(key) => self.truth.stage(key, true),
            Step::Delete(key) => self.truth.stage(key, false),
            Step::AskInside(key) => self.ask_inside(key).await,
            Step::Commit(key) => self.truth.commit(key),
            Step::Undo(key) => self.truth.undo(key),
            Step::Tell(keys) => {
                let versions = self.truth.versions();
                let is_named = |key: &usize| keys & (1 << key) != 0;
                let named: Vec<usize> = (0..KEYS).filter(is_named).collect();
                let told = std::array::from_fn(|key| {
                    if named.contains(&key) {
                        versions[key]
                    } else {
                        0
                    }
                });
                let named = named.iter().map(|key| self.base + *key as u64);
                self.tell(News::Changed(named.collect()), told).await;
            }
            Step::CatchUp => self.tell(News::CaughtUp, [0; KEYS]).await,
            Step::Flush => self.tell(News::Flush, self.truth.versions()).await,
            Step::Cut => self.tell(News::Cut, [0; KEYS]).await,
            Step::Link => self.tell(News::Linked, self.truth.versions()).await,
        }
    }

    async fn ask_inside(&mut self, key: usize) {
        let Some(own) = self.truth.staged(key) else {
            return;
        };
        let (subject, truth) = (Arc::clone(self.subject), Arc::clone(self.truth));
        let (named, load) = (self.base + key as u64, Load::inside(self.truth, key, own));
        let mut asked = tokio::spawn(async move {
            let answer = subject.get_inside(named, load).await;
            truth.judge(key, Floor::Own(own), answer, false);
        });
        if self.subject.shares_inside() {
            self.until(TURNS, || asked.is_finished()).await;
            self.under_way.push(asked);
        } else if (&mut asked).await.is_err() {
            self.truth.broke();
        }
    }

    /// Tells the cache in a task of its own: it may wait for a load that stands at a gate.
    async fn tell(&mut self, news: News, told: [u64; KEYS]) {
        let (subject, truth) = (Arc::clone(self.subject), Arc::clone(self.truth));
        let task = tokio::spawn(async move {
            let is_cut = match news {
                News::Cut => Some(true),
                News::Linked => Some(false),
                News::Changed(_) | News::CaughtUp | News::Flush => None,
            };
            subject.hear(news).await;
            for (key, version) in told.into_iter().enumerate() {
                truth.told(key, version);
            }
            if let Some(is_cut) = is_cut {
                truth.cut(is_cut);
            }
        });
        self.until(TURNS, || task.is_finished()).await;
        self.under_way.push(task);
    }

    /// A get when nothing else is under way.
    async fn look(&self, key: usize) {
        let floor = self.truth.floor(key);
        let load = Load::through(self.truth, key);
        let named = self.base + key as u64;
        if let Some(answer) = self.answered(self.subject.get(named, load)).await {
            self.truth.judge(key, floor, answer, true);
        }
    }

    async fn answered(&self, get: impl Future<Output = Answer>) -> Option<Answer> {
        let get = std::pin::pin!(get);
        tokio::select! {
            answer = get => Some(answer),
            () = self.until(LAST_TURNS, || false) => {
                self.truth.stuck();
                None
            }
        }
    }

    async fn until(&self, turns: u32, is_so: impl Fn() -> bool) {
        for _ in 0..turns {
            if is_so() {
                return;
            }
            self.subject.turn().await;
        }
    }
}
