//! A PostgreSQL server of one test alone, and all that may happen to it and to the way there.

use std::sync::Arc;
use std::time::Duration;

use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::{Database, Durability, Postgres, Stop};
use tokio::time::sleep;

/// One disturbance, over when [`Disturbed::apply`] returns, but for what is forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// All connections are reset.
    Cut,
    /// The same, after a while in which the server has done what it was asked and its answers were held back.
    Unheard(Duration),
    /// The administrator ends some of them.
    Ended(usize),
    /// Every round trip costs this much more for a while.
    Slow(Duration),
    /// Nothing moves for a while, then what waited goes on.
    Stalled(Duration),
    /// All connections are half open from now on: silent, and never ended.
    Forgotten,
    /// The port is closed for a while.
    Away(Duration),
    /// The server ends and starts again.
    Restarted(Stop),
}

/// Every kind of fault once, in an order and with spans drawn by chance.
pub(crate) fn deck(rng: &mut fastrand::Rng) -> Vec<Fault> {
    let mut span = |least, most| Duration::from_millis(rng.u64(least..most));
    let mut deck = vec![
        Fault::Cut,
        Fault::Unheard(span(50, 200)),
        Fault::Slow(span(5, 60)),
        Fault::Stalled(span(100, 900)),
        Fault::Forgotten,
        Fault::Away(span(50, 600)),
        Fault::Restarted(Stop::Fast),
        Fault::Restarted(Stop::Immediate),
        Fault::Ended(rng.usize(1..6)),
    ];
    rng.shuffle(&mut deck);
    deck
}

/// The server, one database in it, and a proxy before it. In this order of ending.
pub(crate) struct Disturbed {
    proxy: Proxy,
    /// By way of the proxy.
    pub(crate) url: String,
    pub(crate) database: Arc<Database>,
    server: Arc<Postgres>,
}

impl Disturbed {
    pub(crate) async fn start() -> Self {
        let (server, database) = blocking(|| {
            let server = Postgres::start(Durability::Scratch).unwrap();
            let database = server.database().unwrap();
            (server, database)
        })
        .await;
        let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
        Self {
            proxy,
            url,
            database: database.into(),
            server: server.into(),
        }
    }

    pub(crate) async fn apply(&self, fault: Fault) {
        let for_a_while = async |mode, span| {
            self.proxy.set(mode).await.unwrap();
            sleep(span).await;
            self.proxy.set(Mode::Pass).await.unwrap();
        };
        match fault {
            Fault::Cut => self.proxy.cut().await.unwrap(),
            Fault::Unheard(span) => {
                self.proxy.set(Mode::Mute).await.unwrap();
                sleep(span).await;
                self.proxy.cut().await.unwrap();
                self.proxy.set(Mode::Pass).await.unwrap();
            }
            Fault::Ended(most) => {
                let database = Arc::clone(&self.database);
                blocking(move || database.disconnect(most).unwrap()).await;
            }
            Fault::Slow(more) => for_a_while(Mode::Delay(more), Duration::from_millis(500)).await,
            Fault::Stalled(span) => for_a_while(Mode::Stall, span).await,
            Fault::Forgotten => self.proxy.forget().await.unwrap(),
            Fault::Away(span) => for_a_while(Mode::Refuse, span).await,
            Fault::Restarted(stop) => {
                let server = Arc::clone(&self.server);
                blocking(move || server.restart(stop).unwrap()).await;
            }
        }
    }

    /// Ends whatever goes on, and what is half open on both sides.
    pub(crate) async fn calm(&self) {
        self.proxy.set(Mode::Pass).await.unwrap();
        self.proxy.cut().await.unwrap();
    }

    /// Asks the server itself.
    pub(crate) async fn psql(&self, statement: impl Into<String>) -> String {
        let (database, statement) = (Arc::clone(&self.database), statement.into());
        blocking(move || database.psql(&[&statement]).unwrap()).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
