//! Starting a server that cannot outlive the process that started it.
//!
//! Between us and the server stands a shell whose standard input is a pipe from us. The kernel closes the pipe when
//! this process ends, in whatever way; the shell then stops the server by its process id and removes its folder. It
//! has a process group of its own, so that Ctrl-C reaches us and not the server. A server that ended is started again
//! where a file named `again` lies in its folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::error::{Error, Result};

/// How much a private server does to keep what it accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As little as possible, for tests: nothing is flushed, the folder may be in memory.
    Scratch,
    /// As in production, for measurements: every commit is flushed to a folder on disk.
    Full,
}

/// Longest time from start to readiness. A start takes about a second; a busy two-core machine was seen to need six.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Lines of the server's output kept for error messages.
const LOG_LINES: usize = 200;

/// Both PostgreSQL and Redis say so, with a small and a capital R.
pub(crate) const READY: &str = "eady to accept connections";

/// A port is free when it is drawn and may be gone when the server binds it; this many draws are made.
const PORT_DRAWS: usize = 5;

const PID_LINE: &str = "brisk-server-pid ";

const SUPERVISOR: &str = r#"
exec 3<&0 </dev/null 2>&1
umask 077
server=
finish() {
  trap '' TERM HUP INT
  if [ -n "$server" ] && kill -s "$BRISK_STOP" "$server" 2>/dev/null; then wait "$server"; fi
  cd / && rm -rf "$BRISK_FOLDER"
}
trap finish EXIT
trap 'exit 1' TERM HUP INT
{ read -r _ <&3; kill -s TERM $$; } >/dev/null 2>&1 &
watcher=$!
sh -c "$BRISK_PREPARE" || { kill "$watcher"; exit 1; }
while :; do
  rm -f "$BRISK_FOLDER/again"
  "$@" 3<&- &
  server=$!
  echo "brisk-server-pid $server"
  wait "$server"
  server=
  [ -e "$BRISK_FOLDER/again" ] || break
done
kill "$watcher" 2>/dev/null
"#;

/// What to start, and how.
pub(crate) struct Launch<'a> {
    /// Start of the folder's name.
    pub(crate) prefix: &'a str,
    /// System users to become when the caller is root, the first that exists.
    pub(crate) users: &'a [&'a str],
    /// Shell text run before the server; sees `BRISK_FOLDER`, `BRISK_PORT` and the variables of `env`.
    pub(crate) prepare: &'a str,
    /// Variables for `prepare`.
    pub(crate) env: Vec<(&'a str, OsString)>,
    /// What the server says once it is ready.
    pub(crate) ready: &'static str,
    /// The signal that ends the server fast.
    pub(crate) stop: &'a str,
    /// The server program.
    pub(crate) program: PathBuf,
    pub(crate) durability: Durability,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Supervised {
    shell: Child,
    address: SocketAddr,
    folder: PathBuf,
    running: Mutex<Running>,
    log: Log,
}

#[derive(Debug)]
struct Running {
    pid: u32,
    events: Receiver<Event>,
}

impl Launch<'_> {
    /// Starts the server with the arguments that `arguments` gives for a folder and a port, and waits until it is ready.
    pub(crate) fn start(
        self,
        arguments: impl Fn(&Path, u16) -> Vec<OsString>,
    ) -> Result<Supervised> {
        let mut draws = 1;
        loop {
            match self.attempt(&arguments) {
                Err(Error::NotStarted { log, .. })
                    if draws < PORT_DRAWS && log.contains("in use") =>
                {
                    draws += 1;
                }
                other => return other,
            }
        }
    }

    fn attempt(&self, arguments: &impl Fn(&Path, u16) -> Vec<OsString>) -> Result<Supervised> {
        let address = free_address()?;
        let temporary = tempfile::Builder::new()
            .prefix(self.prefix)
            .tempdir_in(self.parent())
            .map_err(Error::io("create a folder for a server"))?;
        let folder = temporary.path().to_owned();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISOR, "brisk-supervisor"])
            .arg(&self.program)
            .args(arguments(&folder, address.port()))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("BRISK_FOLDER", &folder)
            .env("BRISK_PORT", address.port().to_string())
            .env("BRISK_PREPARE", self.prepare)
            .env("BRISK_STOP", self.stop)
            .current_dir(&folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        self.drop_rights(&mut command, &folder)?;
        let mut shell = command
            .spawn()
            .map_err(Error::io("start /bin/sh to supervise a server"))?;
        // From here on the shell removes the folder, also when we are killed.
        drop(temporary.keep());
        let output = shell
            .stdout
            .take()
            .expect("the output was asked for as a pipe two lines above");
        let (events, log) = follow(output, self.ready);
        if let Some(pid) = await_ready(&events) {
            return Ok(Supervised {
                shell,
                address,
                folder,
                running: Mutex::new(Running { pid, events }),
                log,
            });
        }
        end(&mut shell);
        Err(not_started(self.program.display(), &log))
    }

    /// A folder that lasts where commits have to reach a disk: `/tmp` is in memory on many systems.
    fn parent(&self) -> PathBuf {
        let lasting = Path::new("/var/tmp");
        if self.durability == Durability::Full && lasting.is_dir() {
            lasting.to_owned()
        } else {
            std::env::temp_dir()
        }
    }

    /// Both servers refuse, or should not, run as root.
    fn drop_rights(&self, command: &mut Command, folder: &Path) -> Result<()> {
        let owner = std::fs::metadata(folder)
            .map_err(Error::io("read a folder just made"))?
            .uid();
        if owner != 0 {
            return Ok(());
        }
        let (uid, gid) = system_user(self.users)?;
        chown(folder, Some(uid), Some(gid))
            .map_err(Error::io("hand a folder to the server's user"))?;
        command.uid(uid).gid(gid);
        Ok(())
    }
}

impl Supervised {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running().pid
    }

    /// Ends the server with a signal, and waits until it is ready again at the same address.
    pub(crate) fn restart(&self, signal: &str) -> Result<()> {
        let mut running = self.running();
        std::fs::File::create(self.folder.join("again"))
            .map_err(Error::io("say that the server is to start again"))?;
        while running.events.try_recv().is_ok() {}
        let pid = running.pid.to_string();
        let sent = Command::new("/bin/sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "kill", signal, &pid])
            .status()
            .map_err(Error::io("run /bin/sh to end a server"))?;
        let next = if sent.success() {
            await_ready(&running.events)
        } else {
            None
        };
        running.pid = next.ok_or_else(|| not_started("the server", &self.log))?;
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        end(&mut self.shell);
    }
}

/// Closes the pipe, which is the order to stop, and waits until server and folder are gone.
fn end(shell: &mut Child) {
    drop(shell.stdin.take());
    // Nothing can be done in a destructor when the shell was already collected by somebody else.
    drop(shell.wait());
}

#[derive(Debug)]
enum Event {
    Pid(u32),
    Ready,
}

type Log = Arc<Mutex<VecDeque<String>>>;

fn not_started(program: impl std::fmt::Display, log: &Log) -> Error {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    Error::NotStarted {
        program: program.to_string(),
        log: Vec::from(log.clone()).join("\n"),
    }
}

/// Reads the output for as long as there is any, so that the server never blocks on a full pipe.
fn follow(output: ChildStdout, ready: &'static str) -> (Receiver<Event>, Log) {
    let (sender, events) = channel();
    let log = Log::default();
    let kept = Arc::clone(&log);
    thread::spawn(move || keep_lines(output, ready, &sender, &kept));
    (events, log)
}

fn keep_lines(output: ChildStdout, ready: &str, sender: &Sender<Event>, log: &Log) {
    for line in BufReader::new(output).split(b'\n').map_while(io_ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        let pid = line.strip_prefix(PID_LINE).and_then(|pid| pid.parse().ok());
        let event = match pid {
            Some(pid) => Some(Event::Pid(pid)),
            None => line.contains(ready).then_some(Event::Ready),
        };
        if let Some(event) = event {
            // The receiver is gone when nobody waits any more; reading goes on.
            drop(sender.send(event));
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }
}

fn io_ok(line: std::io::Result<Vec<u8>>) -> Option<Vec<u8>> {
    line.ok()
}

/// The server's process id once it is ready; none when its output ended or time ran out.
fn await_ready(events: &Receiver<Event>) -> Option<u32> {
    let mut pid = None;
    loop {
        match events.recv_timeout(START_LIMIT) {
            Ok(Event::Pid(number)) => pid = Some(number),
            Ok(Event::Ready) => return pid,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::io("find a free port on 127.0.0.1"))
}

/// User and group id of the first of `names` in `/etc/passwd`.
fn system_user(names: &[&str]) -> Result<(u32, u32)> {
    let passwd = std::fs::read_to_string("/etc/passwd").map_err(Error::io("read /etc/passwd"))?;
    names
        .iter()
        .find_map(|name| {
            passwd.lines().find_map(|line| {
                let mut fields = line.split(':');
                (fields.next() == Some(*name)).then_some(())?;
                let uid = fields.nth(1)?.parse().ok()?;
                let gid = fields.next()?.parse().ok()?;
                Some((uid, gid))
            })
        })
        .ok_or_else(|| Error::NotInstalled {
            what: "a system user without rights to run servers as",
            install: format!("useradd --system {}", names.first().unwrap_or(&"nobody")),
            or_set: String::new(),
        })
}

/// 128 random bits in hexadecimal, from the system's generator.
pub(crate) fn random_word() -> Result<String> {
    use std::fmt::Write as _;
    use std::io::Read as _;

    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(Error::io("read /dev/urandom"))?;
    Ok(bytes.iter().fold(String::new(), |mut word, byte| {
        write!(word, "{byte:02x}").expect("writing to a string cannot fail");
        word
    }))
}
