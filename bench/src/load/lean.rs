//! The leanest caller over HTTP: one kept connection, a request written as bytes, an answer read by its length.
//!
//! Where a server answers in microseconds on the machine that asks, a whole client would be most of what is measured.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Caller;

/// What to ask for, with further lines of the head, each with its end.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    path: String,
    head: String,
}

impl From<String> for Line {
    fn from(path: String) -> Self {
        Self {
            path,
            head: String::new(),
        }
    }
}

impl Line {
    /// In the name of whoever this token speaks for.
    pub(crate) fn by(path: &str, token: &str) -> Self {
        Self {
            path: path.to_owned(),
            head: format!("authorization: Bearer {token}\r\n"),
        }
    }
}

/// A connection that asks for one path after the other.
#[derive(Debug)]
pub(crate) struct LeanCaller<F> {
    stream: TcpStream,
    next: Arc<F>,
    turn: u64,
    step: u64,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// `count` callers of the server at `address`; `next` writes the path to ask for at a turn, which no other caller has.
pub(crate) async fn lean_callers<F, L>(
    address: SocketAddr,
    count: usize,
    next: F,
) -> Result<Vec<LeanCaller<F>>>
where
    F: Fn(u64) -> L + Send + Sync + 'static,
    L: Into<Line>,
{
    let next = Arc::new(next);
    let mut all = Vec::with_capacity(count);
    for turn in 0..count {
        let stream = TcpStream::connect(address)
            .await
            .context("cannot connect")?;
        stream.set_nodelay(true)?;
        all.push(LeanCaller {
            stream,
            next: Arc::clone(&next),
            turn: turn as u64,
            step: count as u64,
            request: Vec::with_capacity(128),
            answer: Vec::with_capacity(1_024),
        });
    }
    Ok(all)
}

impl<F, L> Caller for LeanCaller<F>
where
    F: Fn(u64) -> L + Send + Sync + 'static,
    L: Into<Line>,
{
    async fn call(&mut self) -> Result<()> {
        let line = (self.next)(self.turn).into();
        self.turn += self.step;
        self.request.clear();
        for part in [
            "GET ",
            &line.path,
            " HTTP/1.1\r\nhost: bench\r\n",
            &line.head,
            "\r\n",
        ] {
            self.request.extend_from_slice(part.as_bytes());
        }
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
            if let Some(whole) = length(&self.answer)?
                && self.answer.len() >= whole
            {
                return Ok(());
            }
        }
    }
}

/// How long the whole answer is, once its head is there; an answer that is not a success is an error.
fn length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("{}", text.lines().next().unwrap_or_default());
    }
    let body: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("the answer does not tell its length")?
        .parse()?;
    Ok(Some(head + 4 + body))
}
