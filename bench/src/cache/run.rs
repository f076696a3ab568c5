//! The parts, one after the other.

use anyhow::{Result, bail};
use brisk_testkit::servers::Redis;

use super::{counts, crowd, hit, http, interleavings, races, storm, visible};
use crate::Options;
use crate::engine::Places;
use crate::machine::Machine;
use crate::report::Report;
use crate::rounds::Size;

/// What `--part` may name.
const PARTS: [&str; 7] = [
    "hit", "races", "crowd", "visible", "storm", "http", "counts",
];

pub(crate) async fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options
        .part
        .iter()
        .find(|part| !PARTS.contains(&part.as_str()))
    {
        bail!(
            "there is no part `{unknown}`; there are {}",
            PARTS.join(", ")
        );
    }
    let size = Size::of(options);
    let places = Places::new()?;
    let mut report = Report::begin("cache", size, Machine::look(places.folder())?);
    let redis = Redis::start()?;
    for part in PARTS {
        if !options.part.is_empty() && !options.part.iter().any(|wanted| wanted == part) {
            continue;
        }
        match part {
            "hit" => hit::measure(&mut report, &places, size).await?,
            "races" => {
                races::measure(&mut report, &places, &redis, size).await?;
                interleavings::measure(&mut report, &places, size).await?;
            }
            "crowd" => crowd::measure(&mut report, &places, &redis, size).await?,
            "visible" => visible::measure(&mut report, &places, size).await?,
            "storm" => storm::measure(&mut report, &places, size).await?,
            "http" => http::measure(&mut report, &places, &redis, size).await?,
            "counts" => counts::measure(&mut report, &places, size).await?,
            _ => bail!("the part `{part}` is named and not made"),
        }
    }
    report.end(options.json.as_deref())
}
