//! The parts, one after the other.

use anyhow::{Result, bail};

use super::{login, me, revocation, sessions};
use crate::Options;
use crate::engine::Places;
use crate::machine::Machine;
use crate::program::Program;
use crate::report::Report;
use crate::rounds::Size;

/// What `--part` may name.
const PARTS: [&str; 4] = ["me", "sessions", "revocation", "login"];

/// A load test may raise limits by settings; nothing else differs from what a stranger starts.
pub(super) const SETTINGS: [(&str, &str); 4] = [
    ("BRISK_IDENTITY_REGISTER_LIMIT_PER_MIN", "0"),
    ("BRISK_IDENTITY_LOGIN_LIMIT_PER_MIN", "0"),
    ("BRISK_HTTP_REQUEST_LOG", "notable"),
    ("BRISK_TELEMETRY_LOG_LEVEL", "warn"),
];

pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut named = options.part.iter();
    if let Some(unknown) = named.find(|part| !PARTS.contains(&part.as_str())) {
        let known = PARTS.join(", ");
        bail!("there is no part `{unknown}`; there are {known}");
    }
    let size = Size::of(options);
    let places = Places::new()?;
    let mut report = Report::begin("identity", size, Machine::look(places.folder())?);
    let program = Program::build(places.folder()).await?;
    for part in PARTS {
        if !options.part.is_empty() && !options.part.iter().any(|wanted| wanted == part) {
            continue;
        }
        match part {
            "me" => me::measure(&mut report, &places, &program, size).await?,
            "sessions" => sessions::measure(&mut report, &places, &program, size).await?,
            "revocation" => revocation::measure(&mut report, &places, &program, size).await?,
            "login" => login::measure(&mut report, &places, &program, size).await?,
            _ => bail!("the part `{part}` is named and not made"),
        }
    }
    report.end(options.json.as_deref())
}
