//! `brisk civic import`: a file of reports into a tenant.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use brisk::clap::builder::PossibleValuesParser;
use brisk::clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use brisk::{BoxError, Kit};
use brisk_core::TenantId;
use indicatif::{ProgressBar, ProgressStyle};

use super::say;
use crate::import::{Charset, Preset};
use crate::logic::import::{
    Classify, ImportOptions, ImportReport, ImportSetup, ImportStatus, Importer, Progress,
};
use crate::settings::Settings;

/// Refused rows that are printed for people; `--json` has more, and the import keeps all.
const ERRORS_PRINTED: usize = 10;

pub(super) const NAME: &str = "import";

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .help(help)
            .action(ArgAction::SetTrue)
    };
    let word = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    Command::new(NAME)
        .about("Import a file of reports: CSV or NDJSON, plain or packed with gzip")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            word("tenant", "The tenant, by slug or number")
                .value_name("T")
                .required(true),
        )
        .arg(
            word("preset", "The layout; without it the header tells")
                .value_name("P")
                .value_parser(PossibleValuesParser::new(Preset::ALL.map(Preset::as_str))),
        )
        .arg(
            word("charset", "The character set")
                .value_name("C")
                .value_parser(["utf-8", "windows-1252"])
                .default_value("utf-8"),
        )
        .arg(
            word(
                "classify",
                "Who decides what a row is about: map of kinds and rules, nobody, or the file too",
            )
            .value_name("WHO")
            .value_parser(PossibleValuesParser::new(
                Classify::ALL.map(Classify::as_str),
            ))
            .default_value("rules"),
        )
        .arg(flag(
            "create-areas",
            "Make areas that the file names and the tenant lacks",
        ))
        .arg(
            word("resume", "Go on with a stopped import of this file")
                .value_name("ID")
                .conflicts_with_all(["dry-run", "preset"])
                .value_parser(value_parser!(i64)),
        )
        .arg(
            word(
                "max-error-rate",
                "Stop past this share of refused rows, 0 to 1",
            )
            .value_name("SHARE")
            .default_value("0.2")
            .value_parser(share),
        )
        .arg(flag("dry-run", "Check everything and write nothing"))
        .arg(flag("json", "Print the report as one line of JSON"))
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_no| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("not between 0 and 1".to_owned())
    }
}

fn options(matches: &ArgMatches, file: &std::path::Path) -> ImportOptions {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let name = file.file_name().unwrap_or(file.as_os_str());
    let defaults = ImportOptions::new(name.to_string_lossy());
    ImportOptions {
        preset: text("preset").and_then(Preset::parse),
        charset: text("charset")
            .and_then(Charset::parse)
            .unwrap_or(defaults.charset),
        classify: text("classify")
            .and_then(Classify::parse)
            .unwrap_or(defaults.classify),
        create_areas: matches.get_flag("create-areas"),
        dry_run: matches.get_flag("dry-run"),
        resume: matches.get_one("resume").copied(),
        max_error_rate: matches
            .get_one("max-error-rate")
            .copied()
            .unwrap_or(defaults.max_error_rate),
        ..defaults
    }
}

pub(super) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    let path: &PathBuf = matches.get_one("file").ok_or("the file is missing")?;
    let named: &String = matches.get_one("tenant").ok_or("the tenant is missing")?;
    let tenant = tenant(kit, named).await?;
    let file = File::open(path).map_err(|e| format!("cannot open {}: {e}", path.display()))?;
    let bytes = file.metadata().map_or(0, |about| about.len());
    let settings = Settings::new(&kit.db, &kit.clock, kit.tenants.clone());
    let setup = Arc::new(ImportSetup::of(&*settings.of(tenant).await?));
    let importer = Importer::new(&kit.db, kit.clock.clone(), kit.queue.clone());
    let session = kit.session(tenant, "import");
    let json = matches.get_flag("json");
    // Draws on standard error, and only where that is a terminal.
    let bar = if json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(bytes).with_style(
            ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg} {eta} left")
                .unwrap_or_else(|_wrong| ProgressStyle::default_bar()),
        )
    };
    let report = importer
        .run(
            &session,
            setup,
            &options(matches, path),
            file,
            |at: Progress| {
                bar.set_position(at.bytes);
                bar.set_message(format!("{} rows", at.read));
            },
        )
        .await;
    bar.finish_and_clear();
    let report = report?;
    if json {
        say(&serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.status == ImportStatus::Completed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn tenant(kit: &Kit, named: &str) -> Result<TenantId, BoxError> {
    let mut found = kit.tenants.by_slug(named).await?;
    if found.is_none()
        && let Ok(id) = named.parse()
    {
        found = kit.tenants.get(id).await?;
    }
    found
        .map(|tenant| tenant.id)
        .ok_or_else(|| format!("there is no tenant `{named}`; see: brisk tenant list").into())
}

fn print(report: &ImportReport) {
    for error in report.errors.iter().take(ERRORS_PRINTED) {
        say(&format!(
            "row {}: {} ({})",
            error.row, error.message, error.code
        ));
    }
    let more = report.errors.len().saturating_sub(ERRORS_PRINTED);
    if more > 0 {
        say(&format!("and {more} more refused rows"));
    }
    if report.sla_compared > 0 {
        say(&format!(
            "The file's own verdict on its promises is ours for {} of {} rows.",
            report.sla_agree, report.sla_compared
        ));
    }
    if report.areas_unknown > 0 {
        say(&format!(
            "{} rows name an area that the tenant does not have; --create-areas makes them.",
            report.areas_unknown
        ));
    }
    if let Some(error) = &report.error {
        say(&format!("The import stopped: {error}"));
    }
    let id = report.id.map_or_else(
        || "Dry run".to_owned(),
        |id| format!("Import {id} {}", report.status.as_str()),
    );
    say(&format!(
        "{id}: {} rows read, {} created, {} skipped, {} refused.",
        report.read, report.created, report.skipped, report.failed
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_whole_and_read() {
        command().debug_assert();
        let matches = command()
            .try_get_matches_from([
                "import",
                "a.csv",
                "--tenant",
                "1",
                "--preset",
                "nyc311",
                "--charset",
                "windows-1252",
                "--classify",
                "trust",
                "--max-error-rate",
                "0.5",
                "--create-areas",
            ])
            .unwrap();
        let read = options(&matches, std::path::Path::new("in/a.csv"));
        assert_eq!(read.file_name, "a.csv");
        assert_eq!(read.preset, Some(Preset::Nyc311));
        assert_eq!(read.charset, Charset::Windows1252);
        assert_eq!(read.classify, Classify::Trust);
        assert!(read.create_areas && !read.dry_run && read.resume.is_none());
        assert!((read.max_error_rate - 0.5).abs() < f64::EPSILON);
        assert!(share("1.5").is_err() && share("x").is_err());
    }
}
