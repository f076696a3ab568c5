//! Reads every layer into one list of keyed values, each with its origin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Mistake, Origin};
use crate::sections::Sections;
use crate::{ConfigFile, LoadOptions};

/// A value as somebody wrote it.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    /// With its type known: from the file.
    Typed(Value),
    /// Text whose type follows from the key: from a variable or a flag.
    Text(String),
}

/// One key that somebody set.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: Vec<String>,
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}

/// All layers, read but not yet understood; [`Settings::sections`] gives them meaning.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) entries: Vec<Entry>,
    pub(crate) flags: Vec<Entry>,
    pub(crate) plain: Vec<Entry>,
    pub(crate) short: Vec<Entry>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Settings {
    /// Reads the layers. Mistakes, an unreadable file among them, are kept for [`Sections::finish`], so that they
    /// are reported together with those in the values.
    pub fn load(options: LoadOptions) -> Self {
        let LoadOptions {
            file,
            env,
            overrides,
            plain_names,
            short_names,
        } = options;
        let mut mistakes = Vec::new();
        let entries = match file {
            ConfigFile::None => Vec::new(),
            ConfigFile::IfPresent(path) => read_file(&path, false, &mut mistakes),
            ConfigFile::Required(path) => read_file(&path, true, &mut mistakes),
        };
        let mut env = env.0;
        env.retain(|_, value| !value.is_empty());
        let mut named = |names: Vec<(&'static str, &'static str)>| -> Vec<Entry> {
            names
                .into_iter()
                .filter_map(|(name, key)| {
                    Some(Entry {
                        path: split(key),
                        raw: Raw::Text(env.remove(name)?),
                        origin: Origin::Env(name.to_owned()),
                    })
                })
                .collect()
        };
        let plain = named(plain_names);
        let short = named(short_names);
        Self {
            entries,
            flags: overrides
                .into_iter()
                .map(|(key, value)| Entry {
                    path: split(&key),
                    raw: Raw::Text(value),
                    origin: Origin::Flag(key),
                })
                .collect(),
            plain,
            short,
            env: env
                .into_iter()
                .filter(|(name, _)| name.starts_with("BRISK_"))
                .collect(),
            mistakes,
        }
    }

    /// Begins to take typed sections out of the settings.
    pub fn sections(self) -> Sections {
        Sections::new(self)
    }
}

fn split(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

fn read_file(path: &Path, required: bool, mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
    let shared = Arc::new(path.to_owned());
    let mut complain = |line, problem, hint: Option<&str>| {
        mistakes.push(Mistake {
            key: String::new(),
            origin: Origin::File {
                path: Arc::clone(&shared),
                line,
            },
            problem,
            hint: hint.map(str::to_owned),
        });
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {
            return Vec::new();
        }
        Err(error) => {
            complain(0, format!("the file cannot be read: {error}"), None);
            return Vec::new();
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let line = error.span().map_or(0, |span| line_of(&text, span.start));
        complain(line, error.message().to_owned(), None);
    }
    // A file with broken syntax is read no further: its values would be guesses.
    if !errors.is_empty() {
        return Vec::new();
    }
    let mut entries = Vec::new();
    flatten(
        &text,
        &shared,
        table.get_ref(),
        &mut Vec::new(),
        &mut entries,
    );
    entries
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(at)
        .filter(|&&byte| byte == b'\n')
        .count()
        + 1
}

fn flatten(
    text: &str,
    file: &Arc<PathBuf>,
    table: &DeTable<'_>,
    path: &mut Vec<String>,
    out: &mut Vec<Entry>,
) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => flatten(text, file, inner, path, out),
            _ => out.push(Entry {
                path: path.clone(),
                raw: Raw::Typed(to_json(value)),
                origin: Origin::File {
                    path: Arc::clone(file),
                    line: line_of(text, key.span().start),
                },
            }),
        }
        path.pop();
    }
}

fn to_json(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
            .map_or_else(|_too_big| Value::from(n.as_str()), Value::from),
        DeValue::Float(n) => n
            .as_str()
            .parse::<f64>()
            .map_or_else(|_odd| Value::from(n.as_str()), Value::from),
        DeValue::Boolean(b) => Value::from(*b),
        DeValue::Datetime(at) => Value::from(at.to_string()),
        DeValue::Array(items) => items.iter().map(to_json).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), to_json(value)))
            .collect(),
    }
}
