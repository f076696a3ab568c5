//! The `[http]` section, and rules for single routes.

use std::time::Duration;

use brisk_config::{ByteSize, Problems, Section};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::OwnMembers;

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// On somebody's own machine or in tests: costs are shown to everybody.
    #[default]
    Development,
    /// Costs and statistics are shown to operators only.
    Production,
}

/// Which requests get a line in the log at level `info`; the others' lines are at `debug`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestLog {
    /// Every request. A line costs more time than the rest of the pipeline.
    #[default]
    All,
    /// Answers from 500 on, and whatever took a second or longer.
    Notable,
}

/// The edge's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// The address to listen on.
    pub listen: String,
    /// From the first byte of a request to the start of its answer; later the answer is a 504.
    #[serde(with = "brisk_config::duration")]
    pub deadline: Duration,
    /// The largest request body.
    pub max_body: ByteSize,
    /// The smallest answer that is worth compressing.
    pub compress_above: ByteSize,
    /// Which requests get a line in the log.
    pub request_log: RequestLog,
    /// Origins that browsers may call from; `*` is any, without credentials. None by default.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute for one caller; for the public, for one address. 0 is off.
    pub rate_limit_per_min: u32,
    /// How many more are admitted at once.
    pub rate_limit_burst: u32,
    /// Requests a minute from one address, counted before any token is looked at. 0 is off.
    pub address_limit_per_min: u32,
    /// Requests a minute for one tenant, all its callers together. 0 is off.
    pub tenant_limit_per_min: u32,
    /// How many callers and addresses each limit remembers; the coldest are forgotten first.
    pub limit_keys: usize,
    /// Networks that may read `/metrics` and `/performance/stats` without an operator's token. Unset: loopback
    /// outside production, nobody in production.
    pub insight_networks: Option<Vec<IpNet>>,
    /// The most connections at once; more wait in the listener's queue.
    pub max_connections: usize,
    /// The longest time for a request's head to arrive, and so for an idle connection to stay.
    #[serde(with = "brisk_config::duration")]
    pub header_timeout: Duration,
    /// The time that requests in work have after the stop signal.
    #[serde(with = "brisk_config::duration")]
    pub shutdown_grace: Duration,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            deadline: Duration::from_secs(10),
            max_body: ByteSize::mib(1),
            compress_above: ByteSize::kib(1),
            request_log: RequestLog::All,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            rate_limit_per_min: 0,
            rate_limit_burst: 0,
            address_limit_per_min: 0,
            tenant_limit_per_min: 0,
            limit_keys: 100_000,
            insight_networks: None,
            max_connections: 10_000,
            header_timeout: Duration::from_secs(75),
            shutdown_grace: Duration::from_secs(20),
        }
    }
}

impl Section for EdgeConfig {
    fn check(&self, problems: &mut Problems) {
        if self.listen.parse::<std::net::SocketAddr>().is_err() {
            problems.add(
                "listen",
                "write an address and a port, for example `127.0.0.1:8080`",
            );
        }
        for (key, span) in [
            ("deadline", self.deadline),
            ("header_timeout", self.header_timeout),
        ] {
            if span.is_zero() {
                problems.add(key, "must be longer than zero");
            }
        }
        if self.max_connections == 0 {
            problems.add("max_connections", "must be at least 1");
        }
        if self.limit_keys == 0 {
            problems.add("limit_keys", "must be at least 1");
        }
        if let Some(bad) = self
            .cors_origins
            .iter()
            .find(|o| http::HeaderValue::from_str(o).is_err())
        {
            problems.add("cors_origins", format!("`{bad}` cannot stand in a header"));
        }
    }
}

/// What differs for the routes below a path; the longest matching prefix counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteRule {
    /// The start of the route's template: `/civic/v1/imports`.
    pub prefix: String,
    /// In place of [`EdgeConfig::deadline`].
    pub deadline: Option<Duration>,
    /// In place of [`EdgeConfig::max_body`].
    pub max_body: Option<ByteSize>,
    /// In place of [`EdgeConfig::rate_limit_per_min`], counted apart; 0 is off.
    pub rate_limit_per_min: Option<u32>,
    /// In place of [`EdgeConfig::rate_limit_burst`]; counts where the rule has a rate.
    pub rate_limit_burst: Option<u32>,
    /// Whether credentials are not looked at: who signs in, or renews a token that has ended, is the public here, whatever the
    /// client sends along.
    pub is_public: bool,
    /// What the problem documents say besides; also those for paths below that no route fits.
    pub members: Option<OwnMembers>,
}
