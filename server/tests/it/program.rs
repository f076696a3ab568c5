use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// How long a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// `brisk` in `folder`, with nothing of this process's settings.
pub(crate) fn brisk(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("BRISK_")
            || matches!(&*name, "DATABASE_URL" | "REDIS_URL" | "LOG_LEVEL")
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    brisk(folder, args).output().unwrap()
}

/// What a command that must succeed wrote.
pub(crate) fn out(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A server in a folder; killed when dropped.
pub(crate) struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// `host:port`.
    pub(crate) address: String,
}

impl Server {
    /// Starts on a free port and waits for the line that says where it is ready.
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let mut child = brisk(folder, &all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let address = first
            .trim_end()
            .strip_prefix("Brisk is ready: http://")
            .unwrap();
        Self {
            address: address.to_owned(),
            child,
            lines,
        }
    }

    /// The next line of its greeting that has this word.
    pub(crate) fn line(&mut self, word: &str) -> String {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(
                self.lines.read_line(&mut line).unwrap() > 0,
                "no line with {word}"
            );
        }
        line
    }

    /// Status and everything else of one answer.
    pub(crate) fn get(&self, path: &str, headers: &str) -> (u16, String) {
        self.send("GET", path, headers, "")
    }

    /// Sends a form as a page of this server would.
    pub(crate) fn post(&self, path: &str, headers: &str, form: &str) -> (u16, String) {
        let kind =
            "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
        self.send("POST", path, &format!("{kind}{headers}"), form)
    }

    /// Sends a request with a JSON body, which may be empty; answers the status and the body.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> (u16, String) {
        let mut headers = String::new();
        if !token.is_empty() {
            headers = format!("authorization: Bearer {token}\r\n");
        }
        let body = if body.is_null() {
            String::new()
        } else {
            headers.push_str("content-type: application/json\r\n");
            body.to_string()
        };
        let (status, answer) = self.send(method, path, &headers, &body);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        (status, body.unwrap_or_default().to_owned())
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        send(&self.address, method, path, headers, body).unwrap()
    }

    /// Sends JSON to a server that may end meanwhile; none where no whole answer came.
    pub(crate) fn try_call(
        address: &str,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Option<(u16, String)> {
        let kind = "content-type: application/json\r\n";
        let (status, answer) = send(address, method, path, kind, &body.to_string()).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        Some((status, body.to_owned()))
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM; answers the exit status and what else it had written.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended by itself, or by this.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Status and everything else of one answer.
fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok((status, text))
}
