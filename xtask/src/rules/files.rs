//! Rules about files: migrations in twins, no long file, true quotes, no place that exists on one machine only.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::manifests::Member;

/// Lines above which a Rust file is to be split by meaning (aim: 100 to 300).
pub(super) const MOST_LINES: usize = 700;

/// Files that may be longer, with the reason.
pub(crate) const LONGER_FILES: &[(&str, &str)] = &[];

const ENGINES: [&str; 2] = ["postgres", "sqlite"];

/// Every migration exists for both engines, under the same number and name, and no number twice.
pub(crate) fn migrations(root: &Path, members: &[Member]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for member in members {
        let folder = member.folder.join("migrations");
        if !root.join(&folder).is_dir() {
            continue;
        }
        let mut sets = Vec::new();
        for engine in ENGINES {
            sets.push(file_names(&root.join(&folder).join(engine))?);
        }
        for (mine, other) in [(0, 1), (1, 0)] {
            findings.extend(sets[mine].difference(&sets[other]).map(|name| {
                format!(
                    "{0}/{1}/{name}: write its twin {0}/{2}/{name}",
                    folder.display(),
                    ENGINES[mine],
                    ENGINES[other]
                )
            }));
        }
        for (engine, names) in ENGINES.iter().zip(&sets) {
            let place = folder.join(engine);
            let mut numbers = BTreeSet::new();
            for name in names {
                match migration_number(name) {
                    None => findings.push(format!(
                        "{}/{name}: name it V<number>__<what_it_does>.sql",
                        place.display()
                    )),
                    Some(number) if !numbers.insert(number) => findings.push(format!(
                        "{}/{name}: number {number} is taken, use the next",
                        place.display()
                    )),
                    Some(_) => {}
                }
            }
        }
        for stray in file_names(&root.join(&folder))? {
            findings.push(format!(
                "{}/{stray}: move it into postgres/ and sqlite/",
                folder.display()
            ));
        }
    }
    Ok(findings)
}

fn file_names(folder: &Path) -> Result<BTreeSet<String>> {
    if !folder.is_dir() {
        return Ok(BTreeSet::new());
    }
    let mut names = BTreeSet::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn migration_number(name: &str) -> Option<u32> {
    let (number, what) = name
        .strip_prefix('V')?
        .strip_suffix(".sql")?
        .split_once("__")?;
    let worded = !what.is_empty()
        && what
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    number.parse().ok().filter(|_| worded)
}

/// No Rust file grows past what one person reads in one go.
pub(crate) fn lengths(
    root: &Path,
    files: &[PathBuf],
    longer_files: &[(&str, &str)],
) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut excused = BTreeSet::new();
    for path in files
        .iter()
        .filter(|path| path.extension() == Some(OsStr::new("rs")))
    {
        let lines = text(root, path)?.lines().count();
        if lines <= MOST_LINES {
            continue;
        }
        let name = path.to_string_lossy();
        match longer_files.iter().find(|(longer, _)| *longer == name) {
            Some((longer, _)) => {
                excused.insert(*longer);
            }
            None => findings.push(format!(
                "{name} has {lines} lines; split it by meaning (at most {MOST_LINES}), or list it with its reason in xtask/src/rules/files.rs"
            )),
        }
    }
    findings.extend(
        longer_files
            .iter()
            .filter(|(name, _)| !excused.contains(name))
            .map(|(name, _)| {
                format!(
                    "{name} is no longer too long; take it off the list in xtask/src/rules/files.rs"
                )
            }),
    );
    Ok(findings)
}

/// What a page quotes stands in its source, word for word.
///
/// A quote is the fenced block below a line `<!-- from path/of/source.rs -->`.
pub(crate) fn quotes(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in files
        .iter()
        .filter(|path| path.extension() == Some(OsStr::new("md")))
    {
        let page = text(root, path)?;
        for rest in page.split("\n<!-- from ").skip(1) {
            let quote = rest.split_once(" -->\n```").and_then(|(source, rest)| {
                let (_, block) = rest.split_once('\n')?;
                let (quoted, _) = block.split_once("\n```\n")?;
                Some((source, quoted))
            });
            let Some((source, quoted)) = quote else {
                findings.push(format!(
                    "{}: write a fenced block right below `<!-- from ... -->`",
                    path.display()
                ));
                continue;
            };
            if !text(root, Path::new(source))?.contains(quoted) {
                findings.push(format!(
                    "{}: what it quotes from {source} does not stand there; copy it anew",
                    path.display()
                ));
            }
        }
    }
    Ok(findings)
}

/// No file names a place that exists on one machine only.
pub(crate) fn places(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut private: Vec<String> = ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .chain([root.display().to_string()])
        .map(|place| place.trim_end_matches('/').to_owned())
        // A folder directly under the root, such as `/app`, is too short to be told from a route.
        .filter(|place| place.starts_with('/') && place.matches('/').count() > 1)
        .collect();
    private.extend(
        [
            concat!("/ro", "ot/"),
            concat!("/Us", "ers/"),
            concat!("/wo", "rk/"),
            concat!("C:", "\\Users"),
        ]
        .map(str::to_owned),
    );
    let mut findings = Vec::new();
    for path in files {
        // Pictures and test data that are no text name no places.
        let Ok(text) = fs::read_to_string(root.join(path)) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if let Some(place) = private.iter().find(|place| names_place(line, place)) {
                findings.push(format!(
                    "{}:{}: `{place}` exists on one machine only; write a relative path",
                    path.display(),
                    index + 1
                ));
            }
        }
    }
    findings
}

/// Whether `place` begins somewhere in `line`, not in the middle of a longer path or address.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || "/._-~}*".contains(before))
    })
}

/// Every file of the repository, relative to its root: tracked, or new and not ignored.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let listing = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("cannot start git, which lists the files to check")?;
    if !listing.status.success() {
        bail!("git cannot list the files to check; run this in a clone");
    }
    let mut files: Vec<PathBuf> = String::from_utf8_lossy(&listing.stdout)
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root.join(path).is_file())
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn text(root: &Path, path: &Path) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {}", path.display()))
}
