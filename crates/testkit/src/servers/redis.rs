//! A Redis or Valkey server of our own, or one that the surroundings provide.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::address::Address;
use super::error::{Error, Result};
use super::find;
use super::supervise::{Durability, Launch, READY, Supervised, random_word};

/// The variable that names a server to use instead of starting one; `cargo xtask test` sets it.
const URL_SETTING: &str = "BRISK_TEST_REDIS_URL";

/// Numbered databases of a private server, the first kept for handing out the others.
const DATABASES: u32 = 1024;

/// A local server answers in microseconds; longer means that it hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

const PREPARE: &str = r#"printf 'requirepass %s\n' "$BRISK_PASSWORD" >"$BRISK_FOLDER/redis.conf""#;

const PREPARE_SENTINEL: &str = r#"printf 'sentinel monitor %s %s 1\nsentinel auth-pass %s %s\n' \
  "$BRISK_SERVICE" "$BRISK_WATCHED" "$BRISK_SERVICE" "$BRISK_PASSWORD" >"$BRISK_FOLDER/redis.conf""#;

/// A Redis or Valkey server for tests or measurements; a private one ends when this value is dropped.
#[derive(Debug)]
pub struct Redis {
    address: Address,
    server: Option<Supervised>,
}

impl Redis {
    /// Starts a private server on a free port of 127.0.0.1, with its own folder and password, keeping nothing on disk.
    ///
    /// # Errors
    ///
    /// [`Error::NotInstalled`] without a server program; otherwise what kept it from starting, with the end of its log.
    pub fn start() -> Result<Self> {
        Self::start_with(&|_| Vec::new())
    }

    /// The same as the only node of a cluster.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`].
    pub fn cluster() -> Result<Self> {
        let server = Self::start_with(&|port| {
            // The usual one, 10,000 higher, may be no port at all.
            let bus = if port % 2 == 0 { port + 1 } else { port - 1 };
            vec![
                ("--cluster-enabled", "yes".to_owned()),
                ("--cluster-port", bus.to_string()),
                ("--cluster-announce-ip", "127.0.0.1".to_owned()),
            ]
        })?;
        server.command(0, "CLUSTER ADDSLOTSRANGE 0 16383")?;
        let end = Instant::now() + ANSWER_LIMIT;
        loop {
            let answer = server.command(0, "CLUSTER INFO")?;
            if answer.contains("cluster_state:ok") {
                return Ok(server);
            }
            if Instant::now() > end {
                let statement = "CLUSTER INFO".to_owned();
                return Err(Error::Refused { statement, answer });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A sentinel that watches this server under the name `service`, without a password of its own.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`].
    pub fn sentinel(&self, service: &str) -> Result<Self> {
        let (host, port) = (self.address.host(), self.address.port());
        let password = self.address.password().unwrap_or_default();
        let server = Launch {
            prefix: "brisk-sentinel-",
            users: &["redis", "valkey", "nobody"],
            prepare: PREPARE_SENTINEL,
            env: vec![
                ("BRISK_SERVICE", service.into()),
                ("BRISK_WATCHED", format!("{host} {port}").into()),
                ("BRISK_PASSWORD", password.into()),
            ],
            ready: "+monitor master",
            stop: "TERM",
            program: find::redis()?,
            durability: Durability::Scratch,
        }
        .start(|folder, port| {
            let mut arguments = vec![folder.join("redis.conf").into()];
            let port = port.to_string();
            arguments
                .extend(["--port", &port, "--bind", "127.0.0.1", "--sentinel"].map(Into::into));
            arguments
        })?;
        Ok(Self {
            address: Address::parse(&format!("redis://{}/0", server.address()))?,
            server: Some(server),
        })
    }

    /// Kills a private server and starts it again, empty, at the same address; blocks its thread.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a server that we did not start; else what kept it from coming back.
    pub fn restart(&self) -> Result<()> {
        let Some(server) = &self.server else {
            return Err(Error::Refused {
                statement: "restart".to_owned(),
                answer: "this server belongs to somebody else".to_owned(),
            });
        };
        server.restart("KILL")
    }

    fn start_with(more: &dyn Fn(u16) -> Vec<(&'static str, String)>) -> Result<Self> {
        let password = random_word()?;
        let server = Launch {
            prefix: "brisk-redis-",
            users: &["redis", "valkey", "nobody"],
            prepare: PREPARE,
            env: vec![("BRISK_PASSWORD", OsString::from(&password))],
            ready: READY,
            stop: "TERM",
            program: find::redis()?,
            durability: Durability::Scratch,
        }
        .start(|folder, port| {
            let mut arguments = vec![folder.join("redis.conf").into()];
            arguments.extend(
                [
                    ("--port", port.to_string()),
                    ("--bind", "127.0.0.1".to_owned()),
                    ("--databases", DATABASES.to_string()),
                    ("--save", String::new()),
                    ("--appendonly", "no".to_owned()),
                    ("--daemonize", "no".to_owned()),
                ]
                .into_iter()
                .chain(more(port))
                .flat_map(|(name, value)| [OsString::from(name), value.into()]),
            );
            arguments
        })?;
        let url = format!("redis://:{password}@{}/0", server.address());
        Ok(Self {
            address: Address::parse(&url)?,
            server: Some(server),
        })
    }

    /// Uses the server at `url` and leaves it running.
    ///
    /// # Errors
    ///
    /// When `url` is no address.
    pub fn at(url: &str) -> Result<Self> {
        Ok(Self {
            address: Address::parse(url)?,
            server: None,
        })
    }

    /// The server of this test process: the one that `BRISK_TEST_REDIS_URL` names, else one started at first use and
    /// ended with the process.
    ///
    /// # Panics
    ///
    /// When there is neither; the message holds the command that installs Redis.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| {
            let server = match env::var(URL_SETTING) {
                Ok(url) if !url.is_empty() => Self::at(&url),
                _ => Self::start(),
            };
            #[expect(
                clippy::panic,
                reason = "a missing server fails the test that needs it, loudly"
            )]
            server.unwrap_or_else(|error| panic!("no Redis for tests: {error}"))
        })
    }

    /// The address of database 0. Tests that share the server take a [`RedisDatabase`] instead.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.with_name("0").url()
    }

    /// The process id of a private server; none for one that we did not start.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Supervised::pid)
    }

    /// A numbered database that no other test holds, emptied now and when dropped.
    ///
    /// Keys are apart, channels are not: Redis publishes across its databases, so a test that subscribes takes a
    /// prefix or a server of its own. Numbers come round again after as many as the server has.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses.
    pub fn database(&self) -> Result<RedisDatabase> {
        let turn: u32 = number(&self.command(0, "INCR brisk:test:databases")?)?;
        let databases = self.command(0, "CONFIG GET databases")?;
        let databases: u32 = number(databases.lines().last().unwrap_or_default())?;
        let number = 1 + turn % databases.saturating_sub(1).max(1);
        self.command(number, "FLUSHDB")?;
        Ok(RedisDatabase {
            server: Self {
                address: self.address.clone(),
                server: None,
            },
            number,
        })
    }

    /// Sends one command as a line of words to a numbered database and answers its reply, several parts as lines.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or answers with an error.
    pub fn command(&self, database: u32, line: &str) -> Result<String> {
        let failed = || Error::io(format!("send `{line}` to {}", self.address.host_and_port()));
        let stream = TcpStream::connect(self.address.host_and_port()).map_err(failed())?;
        stream
            .set_read_timeout(Some(ANSWER_LIMIT))
            .map_err(failed())?;
        let mut replies = BufReader::new(stream);
        let mut ask = |line: &str| -> Result<String> {
            replies
                .get_mut()
                .write_all(format!("{line}\r\n").as_bytes())
                .map_err(failed())?;
            reply(&mut replies)
                .map_err(failed())?
                .map_err(|answer| Error::Refused {
                    statement: line.to_owned(),
                    answer,
                })
        };
        if let Some(password) = self.address.password() {
            ask(&format!("AUTH {password}"))?;
        }
        // Where a connection begins; sentinels have no other.
        if database != 0 {
            ask(&format!("SELECT {database}"))?;
        }
        ask(line)
    }
}

/// One numbered database of a Redis server, for one test.
#[derive(Debug)]
pub struct RedisDatabase {
    server: Redis,
    number: u32,
}

impl RedisDatabase {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.server
            .address
            .with_name(&self.number.to_string())
            .url()
    }

    /// Sends one command as a line of words, as another program would.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or answers with an error.
    pub fn command(&self, line: &str) -> Result<String> {
        self.server.command(self.number, line)
    }
}

impl Drop for RedisDatabase {
    fn drop(&mut self) {
        // The server may have been ended on purpose, and the next holder empties the database again.
        drop(self.command("FLUSHDB"));
    }
}

fn number(text: &str) -> Result<u32> {
    text.trim().parse().ok().ok_or_else(|| Error::Refused {
        statement: "a command whose reply is a number".to_owned(),
        answer: text.to_owned(),
    })
}

/// Reads one reply of the protocol (RESP2); the inner error is the server's.
fn reply(
    source: &mut BufReader<TcpStream>,
) -> std::io::Result<std::result::Result<String, String>> {
    let mut line = String::new();
    if source.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).unwrap_or_default();
    let length = || {
        rest.parse::<i64>()
            .ok()
            .and_then(|n| usize::try_from(n).ok())
    };
    match kind {
        "+" | ":" => Ok(Ok(rest.to_owned())),
        "-" => Ok(Err(rest.to_owned())),
        "$" => {
            let Some(length) = length() else {
                return Ok(Ok(String::new()));
            };
            let mut bytes = vec![0; length + 2];
            source.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(Ok(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "*" => {
            let mut parts = Vec::new();
            for _ in 0..length().unwrap_or(0) {
                match reply(source)? {
                    Ok(part) => parts.push(part),
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            Ok(Ok(parts.join("\n")))
        }
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}
