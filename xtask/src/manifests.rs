//! The workspace's members as their manifests state them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::floors::Kind;

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its folder, relative to the root.
    pub(crate) folder: PathBuf,
    /// Its package name.
    pub(crate) name: String,
    /// Its manifest.
    pub(crate) manifest: Table,
}

/// One line of a dependencies section.
#[derive(Debug)]
pub(crate) struct Dependency<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) value: &'a Value,
}

impl Member {
    /// Every dependency of every section, those of single targets included.
    pub(crate) fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self
            .manifest
            .get("target")
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(Table::values)
            .filter_map(Value::as_table);
        std::iter::once(&self.manifest)
            .chain(targets)
            .flat_map(|table| {
                [
                    ("dependencies", Kind::Normal),
                    ("build-dependencies", Kind::Normal),
                    ("dev-dependencies", Kind::Dev),
                ]
                .into_iter()
                .filter_map(|(section, kind)| Some((table.get(section)?.as_table()?, kind)))
            })
            .flat_map(|(section, kind)| {
                section
                    .iter()
                    .map(move |(name, value)| Dependency { name, kind, value })
            })
            .collect()
    }

    /// Whether `table.key` is taken from the workspace.
    pub(crate) fn inherits(&self, table: &str, key: &str) -> bool {
        self.manifest
            .get(table)
            .and_then(|table| table.get(key))
            .is_some_and(is_inherited)
    }
}

/// Whether a value is `{ workspace = true, ... }`.
pub(crate) fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Reads every member that the root manifest names, `folder/*` meaning each subfolder with a manifest.
pub(crate) fn members(root: &Path) -> Result<Vec<Member>> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let patterns = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(Value::as_array)
        .context("Cargo.toml has no workspace.members")?;
    let mut folders = Vec::new();
    for pattern in patterns.iter().filter_map(Value::as_str) {
        match pattern.strip_suffix("/*") {
            None => folders.push(PathBuf::from(pattern)),
            Some(parent) => {
                let entries = fs::read_dir(root.join(parent))
                    .with_context(|| format!("cannot list {parent}"))?;
                for entry in entries {
                    let folder = Path::new(parent).join(entry?.file_name());
                    if root.join(&folder).join("Cargo.toml").exists() {
                        folders.push(folder);
                    }
                }
            }
        }
    }
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let manifest = read(&root.join(&folder).join("Cargo.toml"))?;
            let name = manifest
                .get("package")
                .and_then(|package| package.get("name"))
                .and_then(Value::as_str)
                .with_context(|| format!("{}/Cargo.toml names no package", folder.display()))?
                .to_owned();
            Ok(Member {
                folder,
                name,
                manifest,
            })
        })
        .collect()
}

fn read(path: &Path) -> Result<Table> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not TOML", path.display()))
}
