//! A rival as a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::{pipelined, sqlx};
use crate::{cache, db};

/// The rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    Pipelined,
    Sqlx,
    ItemsKit,
    ItemsSqlx,
    ItemsBare,
    PagesInMemory,
    PagesRows,
    PagesEncoded,
    PagesMoka,
    PagesRedis,
}

impl Name {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pipelined => "pipelined",
            Self::Sqlx => "sqlx",
            Self::ItemsKit => "items-kit",
            Self::ItemsSqlx => "items-sqlx",
            Self::ItemsBare => "items-bare",
            Self::PagesInMemory => "pages-in-memory",
            Self::PagesRows => "pages-rows",
            Self::PagesEncoded => "pages-encoded",
            Self::PagesMoka => "pages-moka",
            Self::PagesRedis => "pages-redis",
        }
    }
}

/// Serves until standard input ends, which it does with the process that started this one.
pub(crate) async fn serve(name: Name, url: &str) -> Result<()> {
    let router = match name {
        Name::Pipelined => pipelined::router(url).await?,
        Name::Sqlx => sqlx::router(url).await?,
        Name::ItemsKit => db::items_kit(url).await?,
        Name::ItemsSqlx => db::items_sqlx(url).await?,
        Name::ItemsBare => db::bare(),
        Name::PagesInMemory => cache::in_memory(),
        Name::PagesRows => cache::rows(url).await?,
        Name::PagesEncoded => cache::encoded(url).await?,
        Name::PagesMoka => cache::with_moka(url).await?,
        Name::PagesRedis => cache::on_redis(url).await?,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let serving = axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            // As the kit's server does.
            drop(stream.set_nodelay(true));
        }),
        router,
    );
    let mut rest = Vec::new();
    tokio::select! {
        result = serving => result?,
        input = async { tokio::io::stdin().read_to_end(&mut rest).await } => drop(input?),
    }
    Ok(())
}

/// A running rival; ends with this value.
#[derive(Debug)]
pub(crate) struct Rival {
    _child: Child,
    pub(crate) address: SocketAddr,
}

impl Rival {
    pub(crate) async fn start(name: Name, url: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["rival", name.as_str(), url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).await?;
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("the rival {} did not start", name.as_str()))?;
        Ok(Self {
            _child: child,
            address,
        })
    }
}
