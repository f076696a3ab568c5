//! Where to connect, and with what settings of the session.

use std::fmt::Write as _;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::Config;

use super::transaction::Begin;
use crate::config::PostgresConfig;
use crate::error::Error;

/// After this much silence on the wire a peer is taken for dead, so that nobody waits for a machine that vanished.
const SILENCE: Duration = Duration::from_secs(20);

/// A statement on a lane is planned once and not for each set of parameters: planning a join takes longer than running it.
/// The server plans anew when it has new statistics. Plans look for rows by index, as storage without moving parts does.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1";

/// The addresses of one database, one for each use.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) lanes: Config,
    pub(super) checkout: Config,
    /// A session of its own, past any pooler; none where only a pooler is known.
    pub(super) direct: Option<Config>,
    /// The same for the change stream, whose statements are short.
    pub(super) relay: Option<Config>,
    /// The replica itself.
    pub(super) replica: Option<Config>,
    pub(super) begin: Begin,
}

impl Addresses {
    /// A connection that idles in a transaction for longer than `hold` is ended by the server.
    pub(super) fn of(url: &str, config: &PostgresConfig, hold: Duration) -> Result<Self, Error> {
        let lane = [("statement_timeout", config.statement_timeout)];
        let own = [
            ("statement_timeout", config.slow_statement_timeout),
            ("idle_in_transaction_session_timeout", hold),
        ];
        let plain = parse(url, config)?;
        let direct = config.direct_url.as_deref();
        let direct = direct.map(|url| parse(url, config)).transpose()?;
        let replica = config.replica_url.as_deref();
        let replica = replica.map(|url| parse(url, config)).transpose()?;
        let lanes = |address: &Config| {
            let mut address = with_limits(address, &lane);
            let options = address.get_options().unwrap_or_default();
            address.options(format!("{options} {PLANNING}"));
            address
        };
        if config.pooler_safe {
            // A pooler refuses settings of a session, and could not keep them.
            return Ok(Self {
                replica: replica.as_ref().map(lanes),
                relay: direct.as_ref().map(|address| with_limits(address, &lane)),
                direct: direct.map(|address| with_limits(&address, &own)),
                begin: Begin::with_limits(&own).with_walls(config.row_security),
                checkout: plain.clone(),
                lanes: plain,
            });
        }
        Ok(Self {
            replica: replica.as_ref().map(lanes),
            relay: Some(with_limits(direct.as_ref().unwrap_or(&plain), &lane)),
            direct: Some(with_limits(direct.as_ref().unwrap_or(&plain), &own)),
            begin: Begin::default().with_walls(config.row_security),
            checkout: with_limits(&plain, &own),
            lanes: lanes(&plain),
        })
    }
}

fn parse(url: &str, config: &PostgresConfig) -> Result<Config, Error> {
    let mut address = Config::from_str(url).map_err(|e| Error::Address(e.to_string()))?;
    address
        .application_name("brisk")
        .connect_timeout(config.connect_wait)
        .tcp_user_timeout(SILENCE)
        .keepalives_idle(SILENCE)
        .keepalives_interval(SILENCE / 4)
        .keepalives_retries(4);
    Ok(address)
}

fn with_limits(address: &Config, limits: &[(&str, Duration)]) -> Config {
    let mut options = address.get_options().unwrap_or_default().to_owned();
    for (setting, limit) in limits {
        // 0 would mean no limit.
        let limit = limit.as_millis().max(1);
        write!(options, " -c {setting}={limit}").expect("writing to a String cannot fail");
    }
    let mut address = address.clone();
    address.options(options.trim());
    address
}
