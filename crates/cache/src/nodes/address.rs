//! What an address says: one server, its sentinels, or a cluster.

use redis::cluster::ClusterClientBuilder;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisResult};

use super::link::Connection;
use crate::config::ConnectError;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One server.
    Server(String),
    /// The one that sentinels name.
    Sentinel {
        /// Addresses of the sentinels.
        sentinels: Vec<String>,
        service: String,
        /// An address with user, password and database of the server itself; its host is not used.
        server: String,
    },
    /// Some nodes of a cluster.
    Cluster(Vec<String>),
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, ConnectError> {
        let bad = |why: &str| ConnectError::Address(why.to_owned());
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| bad("it has no scheme"))?;
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match hosts.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), hosts),
        };
        let hosts = || hosts.split(',').filter(|host| !host.is_empty());
        if hosts().next().is_none() {
            return Err(bad("it names no host"));
        }
        let place = match scheme {
            "redis" => Self::Server(url.to_owned()),
            "redis+cluster" => Self::Cluster(
                hosts()
                    .map(|host| format!("redis://{user}{host}"))
                    .collect(),
            ),
            "redis+sentinel" => {
                let (service, database) = path.split_once('/').unwrap_or((path, "0"));
                if service.is_empty() {
                    return Err(bad("it names no service that the sentinels watch"));
                }
                Self::Sentinel {
                    sentinels: hosts().map(|host| format!("redis://{host}")).collect(),
                    service: service.to_owned(),
                    server: format!("redis://{user}server/{database}"),
                }
            }
            "rediss" => {
                return Err(bad(
                    "TLS is not supported yet; use redis:// inside the network",
                ));
            }
            _ => {
                return Err(bad(
                    "it begins with none of redis://, redis+sentinel://, redis+cluster://",
                ));
            }
        };
        for one in place.addresses() {
            // Not the address itself: it may hold a password.
            one.into_connection_info()
                .map_err(|e| bad(e.detail().unwrap_or_else(|| e.category())))?;
        }
        Ok(place)
    }

    fn addresses(&self) -> Vec<&str> {
        match self {
            Self::Server(url) => vec![url],
            Self::Cluster(nodes) => nodes.iter().map(String::as_str).collect(),
            Self::Sentinel {
                sentinels, server, ..
            } => sentinels
                .iter()
                .chain([server])
                .map(String::as_str)
                .collect(),
        }
    }

    /// Connects for commands.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        if let Self::Cluster(nodes) = self {
            let client = ClusterClientBuilder::new(nodes.iter().map(String::as_str))
                .retries(1)
                .build()?;
            return Ok(Connection::Cluster(client.get_async_connection().await?));
        }
        // Whoever asks has a limit of his own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let client = self.server().await?;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        Ok(Connection::Server(connection.await?))
    }

    /// The server that hears of what is published; in a cluster each node does.
    pub(super) async fn server(&self) -> RedisResult<Client> {
        match self {
            Self::Server(url) => Client::open(url.as_str()),
            Self::Cluster(nodes) => {
                let mut last = Client::open(nodes[0].as_str());
                for node in nodes {
                    last = Client::open(node.as_str());
                    if let Ok(client) = &last
                        && client.get_multiplexed_async_connection().await.is_ok()
                    {
                        break;
                    }
                }
                last
            }
            Self::Sentinel {
                sentinels,
                service,
                server,
            } => {
                let info = server.as_str().into_connection_info()?;
                let info = SentinelNodeConnectionInfo::default()
                    .set_redis_connection_info(info.redis_settings().clone());
                let sentinels = sentinels.iter().map(String::as_str).collect();
                let mut client = SentinelClient::build(
                    sentinels,
                    service.clone(),
                    Some(info),
                    SentinelServerType::Master,
                )?;
                client.async_get_client().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_behind_it() {
        let of = |url| Place::parse(url);
        assert_eq!(
            of("redis://:pw@a:1/3"),
            Ok(Place::Server("redis://:pw@a:1/3".to_owned()))
        );
        let nodes = ["redis://u:pw@a:1", "redis://u:pw@b"].map(str::to_owned);
        assert_eq!(
            of("redis+cluster://u:pw@a:1,b"),
            Ok(Place::Cluster(nodes.to_vec()))
        );
        assert_eq!(
            of("redis+sentinel://:pw@a:1,b/main/2"),
            Ok(Place::Sentinel {
                sentinels: vec!["redis://a:1".to_owned(), "redis://b".to_owned()],
                service: "main".to_owned(),
                server: "redis://:pw@server/2".to_owned(),
            })
        );
        for bad in [
            "",
            "a:1",
            "http://a",
            "rediss://a",
            "redis://",
            "redis://a:port",
            "redis+sentinel://a",
            "redis+cluster://,",
        ] {
            let error = of(bad).unwrap_err();
            assert!(matches!(error, ConnectError::Address(_)), "{bad}");
        }
        let secret = of("redis://:secret@a:port").unwrap_err();
        assert!(!secret.to_string().contains("secret"), "{secret}");
    }
}
