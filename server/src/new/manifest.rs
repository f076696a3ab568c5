//! The manifest of a new service: the example's, with everything in it that the example has from the workspace.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml::{Table, Value};

/// The manifest of the example.
const EXAMPLE: &str = include_str!("../../../examples/hello-service/Cargo.toml");

/// The manifest of the workspace.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Where the workspace's manifest begins to say what holds for every package: lints, then profiles.
const FOR_ALL: &str = "[workspace.lints.rust]";

/// Where a service has the kit from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A checkout.
    Folder(PathBuf),
    /// A repository.
    Git(String),
}

impl Source {
    /// The repository that the workspace names, if it names one.
    pub(super) fn repository() -> anyhow::Result<Option<Self>> {
        let workspace = table(WORKSPACE)?;
        let url = workspace["workspace"]["package"].get("repository");
        Ok(url
            .and_then(Value::as_str)
            .map(|url| Self::Git(url.to_owned())))
    }

    /// The kit's crate whose folder in the checkout is `folder`.
    fn dependency(&self, folder: &str) -> anyhow::Result<(&'static str, String)> {
        Ok(match self {
            Self::Git(url) => ("git", url.clone()),
            Self::Folder(root) => ("path", text(&root.join(folder))?.to_owned()),
        })
    }
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8, as manifests are", path.display()))
}

fn table(text: &str) -> anyhow::Result<Table> {
    text.parse().context("a manifest of the kit is not TOML")
}

/// The manifest of the service `package` on the kit from `source`.
pub(super) fn manifest(package: &str, source: &Source) -> anyhow::Result<String> {
    let (example, workspace) = (table(EXAMPLE)?, table(WORKSPACE)?);
    let shared = &workspace["workspace"];
    let mut text = format!(
        "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = {}\nrust-version = {}\npublish = false\n\n\
         # No part of a workspace around this folder.\n[workspace]\n",
        shared["package"]["edition"], shared["package"]["rust-version"]
    );
    for section in ["dependencies", "dev-dependencies"] {
        write!(text, "\n[{section}]\n")?;
        let own = example[section]
            .as_table()
            .context("a section is no table")?;
        for (name, asked) in own {
            let value = resolved(&shared["dependencies"][name], asked, source)
                .with_context(|| format!("the dependency {name} of the example"))?;
            writeln!(text, "{name} = {value}")?;
        }
    }
    let at = WORKSPACE
        .find(FOR_ALL)
        .context("the workspace has no lints")?;
    let for_all = WORKSPACE[at..].replace("[workspace.lints.", "[lints.");
    write!(text, "\n{for_all}")?;
    Ok(text)
}

/// What the workspace says about a dependency with what the example asks of it besides, as a manifest has it.
fn resolved(shared: &Value, asked: &Value, source: &Source) -> anyhow::Result<String> {
    let mut value = match shared {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    if let Some(folder) = value.remove("path") {
        let (key, place) = source.dependency(folder.as_str().context("a path is no text")?)?;
        value.insert(key.to_owned(), place.into());
    }
    if let Some(more) = asked.get("features").and_then(Value::as_array) {
        let features = value
            .entry("features")
            .or_insert_with(|| Value::Array(Vec::new()));
        let features = features.as_array_mut().context("features are no list")?;
        features.extend(more.iter().cloned());
    }
    // What says which one it is comes first.
    let mut parts: Vec<_> = value.iter().collect();
    parts.sort_by_key(|(key, _)| !["version", "path", "git"].contains(&key.as_str()));
    Ok(match parts[..] {
        [(key, version)] if key == "version" => version.to_string(),
        _ => {
            let parts = parts.iter().map(|(key, value)| format!("{key} = {value}"));
            format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_named_by_folder_or_by_repository_and_all_else_by_version() {
        let folder = manifest("orders", &Source::Folder("/kit".into())).unwrap();
        let git = manifest("orders", &Source::Git("https://example.org/kit".to_owned())).unwrap();
        for (text, key, place) in [
            (folder, "path", "/kit/crates/brisk"),
            (git, "git", "https://example.org/kit"),
        ] {
            let read = table(&text).unwrap();
            assert_eq!(read["package"]["name"].as_str(), Some("orders"));
            assert_eq!(
                read["dependencies"]["brisk"][key].as_str(),
                Some(place),
                "{text}"
            );
            assert!(read["dependencies"]["serde"]["version"].is_str(), "{text}");
            let features = read["dependencies"]["tokio"]["features"].as_array();
            assert_eq!(features.map(Vec::len), Some(2), "{text}");
            assert_eq!(
                read["lints"]["rust"]["unsafe_code"].as_str(),
                Some("forbid")
            );
        }
    }
}
