//! Rules about members: who imports whom, what stands in a manifest, what page belongs to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::floors;
use crate::manifests::{Member, is_inherited};

/// Settings that every member takes from the workspace.
const INHERITED: &[(&str, &str)] = &[
    ("package", "version"),
    ("package", "edition"),
    ("package", "rust-version"),
    ("package", "license"),
    ("package", "publish"),
    ("lints", "workspace"),
];

/// Imports run downward only.
pub(crate) fn floors(members: &[Member]) -> Vec<String> {
    let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut findings = Vec::new();
    for member in members {
        if !floors::is_placed(&member.name) {
            findings.push(format!(
                "{} has no floor; give it one in xtask/src/floors.rs",
                member.name
            ));
            continue;
        }
        for dependency in member.dependencies() {
            if names.contains(dependency.name) {
                findings.extend(floors::forbids(
                    &member.name,
                    dependency.name,
                    dependency.kind,
                ));
            }
        }
    }
    findings
}

/// Lints, edition, licence and every version stand in the root manifest and nowhere else.
pub(crate) fn inheritance(members: &[Member]) -> Vec<String> {
    let mut findings = Vec::new();
    for member in members {
        let manifest = member.folder.join("Cargo.toml");
        let manifest = manifest.display();
        for &(table, key) in INHERITED {
            let kept = if table == "lints" {
                member.manifest.get("lints").is_some_and(is_inherited)
            } else {
                member.inherits(table, key)
            };
            if !kept {
                let line = if table == "lints" {
                    "`workspace = true` under [lints]".to_owned()
                } else {
                    format!("`{key}.workspace = true` under [{table}]")
                };
                findings.push(format!("{manifest}: write {line}"));
            }
        }
        for dependency in member.dependencies() {
            if !is_inherited(dependency.value) {
                let name = dependency.name;
                findings.push(format!(
                    "{manifest}: write `{name}.workspace = true` and put the version of {name} under [workspace.dependencies] of the root"
                ));
            }
        }
    }
    findings
}

/// Each member has a page that begins with its name.
pub(crate) fn readmes(root: &Path, members: &[Member]) -> Vec<String> {
    members
        .iter()
        .filter_map(|member| {
            let path = member.folder.join("README.md");
            let title = format!("# {}", member.name);
            let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
            let mut lines = text.lines();
            let titled = lines.next() == Some(title.as_str());
            let said = lines.any(|line| !line.trim().is_empty());
            (!titled || !said).then(|| {
                format!(
                    "{}: write one page that begins with the line `{title}`",
                    path.display()
                )
            })
        })
        .collect()
}
