//! `brisk serve`.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use anyhow::Context as _;
use brisk::http::stop_signal;
use brisk::{App, Running};

use crate::cli::Cli;
use crate::{say, services};

/// Serves until the stop signal.
pub(crate) async fn serve(app: App, cli: &Cli) -> anyhow::Result<()> {
    let signal = stop_signal().context("cannot listen for signals")?;
    let opened = app.pages(services::pages).check()?.open().await?;
    let running = opened.start().await?;
    say(&greeting(&running, cli));
    running.until_stopped(signal).await?;
    Ok(())
}

/// What a person reads first.
fn greeting(running: &Running, cli: &Cli) -> String {
    let at = site(running.address());
    let mut text = format!("Brisk is ready: {at}");
    // They may have secrets in them, so they are said here and nowhere else.
    for notice in running.notices() {
        write!(text, "\n\n  {:<12} {at}{}", notice.label, notice.path)
            .expect("writing to a string does not fail");
    }
    if !running.is_first_start() {
        return text;
    }
    let database = cli
        .database
        .as_ref()
        .map_or_else(String::new, |url| format!(" --database {url}"));
    let file = running.kit().db.file().map_or_else(String::new, |file| {
        format!(
            "\n  Data         {} (new) and brisk.key beside it; keep both",
            file.display()
        )
    });
    write!(
        text,
        "\n\n  Console      {at}/\
         \n  API          {at}/docs{file}\
         \n\n  Make a key   brisk key create --role platform_admin{database}\
         \n  Send it as   X-API-Key\
         \n  More         brisk help\
         \n  Stop         Ctrl-C\n"
    )
    .expect("writing to a string does not fail");
    text
}

/// The address as a browser on this machine takes it.
fn site(address: SocketAddr) -> String {
    let host = match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", address.port())
}
