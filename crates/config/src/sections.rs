//! Takes typed sections out of the layers and reports every mistake at the end.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ConfigErrors, Mistake, Origin};
use crate::schema::{Known, keys, nearest, put};
use crate::source::{Entry, Raw, Settings};

/// The settings of one crate: a struct whose container carries `#[serde(default)]`.
///
/// Every field must be serialised (no `skip`), because the serialised defaults are the list of known keys.
pub trait Section: Default + Serialize + DeserializeOwned {
    /// Rules that a type cannot state; each broken one is named by its key inside the section.
    fn check(&self, problems: &mut Problems) {
        let _ = problems;
    }
}

/// Collects what [`Section::check`] finds.
#[derive(Debug, Default)]
pub struct Problems(Vec<(String, String)>);

impl Problems {
    /// Notes that the value at `key` breaks a rule; `problem` says which, as a sentence fragment.
    pub fn add(&mut self, key: &str, problem: impl Into<String>) {
        self.0.push((key.to_owned(), problem.into()));
    }
}

/// One effective setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The dotted key.
    pub key: String,
    /// The value, masked where it is secret.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// All effective settings, for `brisk config check`; `Display` gives one aligned line per key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked(pub Vec<Effective>);

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<(String, &Origin)> = self
            .0
            .iter()
            .map(|e| (format!("{} = {}", e.key, e.value), &e.origin))
            .collect();
        // A very long value must not push every origin off the screen.
        let width = lines
            .iter()
            .map(|(l, _)| l.len().min(60))
            .max()
            .unwrap_or(0);
        for (line, origin) in lines {
            writeln!(f, "{line:width$}  # {origin}")?;
        }
        Ok(())
    }
}

/// Takes sections one by one; [`Sections::finish`] says whether all of them were right.
#[derive(Debug)]
pub struct Sections {
    settings: Settings,
    mistakes: Vec<Mistake>,
    effective: Vec<Effective>,
    known: BTreeSet<String>,
    known_env: BTreeSet<String>,
}

impl Sections {
    pub(crate) fn new(mut settings: Settings) -> Self {
        let mistakes = std::mem::take(&mut settings.mistakes);
        Self {
            settings,
            mistakes,
            effective: Vec::new(),
            known: BTreeSet::new(),
            known_env: BTreeSet::new(),
        }
    }

    /// The section `[name]`. With mistakes in it the defaults come back, and [`Sections::finish`] will fail.
    pub fn take<T: Section>(&mut self, name: &str) -> T {
        self.known.insert(name.to_owned());
        self.read(&[name.to_owned()])
    }

    /// The keys above every section: `environment = "production"`.
    pub fn take_root<T: Section>(&mut self) -> T {
        self.read(&[])
    }

    /// Accepts a section without reading it: that of a service which this process does not run.
    pub fn ignore(&mut self, name: &str) {
        self.known.insert(name.to_owned());
        let prefix = format!("BRISK_{}_", name.to_uppercase().replace('-', "_"));
        self.settings.env.retain(|(n, _)| !n.starts_with(&prefix));
        for layer in self.layers() {
            layer.retain(|e| e.path.first().is_none_or(|first| first != name));
        }
    }

    /// The effective settings when everything was right.
    ///
    /// # Errors
    ///
    /// Every mistake of every layer and section, unknown sections and variables among them.
    pub fn finish(mut self) -> Result<Checked, ConfigErrors> {
        // A plain name such as DATABASE_URL may be meant for another program.
        self.settings.plain.clear();
        let mut seen = BTreeSet::new();
        let mut mistakes = std::mem::take(&mut self.mistakes);
        for entry in self
            .layers()
            .into_iter()
            .flat_map(std::mem::take)
            .collect::<Vec<_>>()
        {
            let Some(section) = entry.path.first().cloned() else {
                continue;
            };
            if seen.insert(section.clone()) {
                let near = nearest(&section, self.known.iter().map(String::as_str));
                mistakes.push(Mistake {
                    problem: if entry.path.len() > 1 {
                        "there is no such section"
                    } else {
                        "there is no such setting"
                    }
                    .to_owned(),
                    hint: near.map(|n| format!("did you mean `{n}`?")),
                    key: section,
                    origin: entry.origin,
                });
            }
        }
        for (name, _) in &self.settings.env {
            let near = nearest(name, self.known_env.iter().map(String::as_str));
            mistakes.push(Mistake {
                key: String::new(),
                origin: Origin::Env(name.clone()),
                problem: "no setting has this name".to_owned(),
                hint: near.map(|n| format!("did you mean {n}?")),
            });
        }
        if mistakes.is_empty() {
            Ok(Checked(self.effective))
        } else {
            Err(ConfigErrors(mistakes))
        }
    }

    fn layers(&mut self) -> [&mut Vec<Entry>; 4] {
        let s = &mut self.settings;
        [&mut s.entries, &mut s.plain, &mut s.short, &mut s.flags]
    }

    /// Takes out the entries of a section, weakest first, with paths inside the section.
    fn claim(&mut self, prefix: &[String], known: &[Known]) -> Vec<Entry> {
        let mine = |entry: &Entry| match prefix.first() {
            Some(section) => entry.path.first() == Some(section),
            None => entry.path.len() == 1 && known.iter().any(|k| k.path[0] == entry.path[0]),
        };
        let mut from_env = Vec::new();
        let upper = prefix.first().map_or_else(String::new, |p| {
            format!("{}_", p.to_uppercase().replace('-', "_"))
        });
        for key in known {
            let name = format!("BRISK_{upper}{}", key.env_suffix());
            if let Some(at) = self.settings.env.iter().position(|(n, _)| *n == name) {
                let (_, value) = self.settings.env.remove(at);
                from_env.push(Entry {
                    path: key.path.clone(),
                    raw: Raw::Text(value),
                    origin: Origin::Env(name.clone()),
                });
            }
            self.known_env.insert(name);
        }
        let mut claimed = Vec::new();
        let [file, plain, short, flags] = self.layers().map(|layer| {
            let (own, others) = std::mem::take(layer).into_iter().partition(|e| mine(e));
            *layer = others;
            let own: Vec<Entry> = own;
            own.into_iter().map(|mut e| {
                e.path.drain(..prefix.len());
                e
            })
        });
        // A plain name counts only where the section has that key.
        let plain = plain.filter(|e| known.iter().any(|k| k.path == e.path));
        claimed.extend(file.chain(plain).chain(short).chain(from_env).chain(flags));
        claimed
    }

    fn read<T: Section>(&mut self, prefix: &[String]) -> T {
        let defaults = serde_json::to_value(T::default())
            .expect("a section serialises to JSON: its keys are texts and its numbers finite");
        let known = keys(&defaults);
        let mut origins: Vec<(Vec<String>, Origin)> = Vec::new();
        let mut tree = Value::Object(Map::new());
        let before = self.mistakes.len();
        for entry in self.claim(prefix, &known) {
            let found = known
                .iter()
                .find(|k| k.path == entry.path || (k.is_open() && entry.path.starts_with(&k.path)));
            let Some(key) = found else {
                self.unknown(prefix, &known, entry);
                continue;
            };
            // Below an open key a value is judged together with its siblings, later.
            let whole = key.path == entry.path;
            match understand::<T>(&entry, key, whole) {
                Ok(value) => {
                    put(&mut tree, &entry.path, value);
                    origins.push((entry.path, entry.origin));
                }
                Err((path, problem)) => self.mistakes.push(Mistake {
                    key: dotted(prefix, &path),
                    origin: entry.origin,
                    problem,
                    hint: None,
                }),
            }
        }
        if self.mistakes.len() > before {
            return T::default();
        }
        let origin_of = |path: &[String]| {
            origins
                .iter()
                .rev()
                .find(|(p, _)| path.starts_with(p) || p.starts_with(path))
                .map_or(Origin::Default, |(_, origin)| origin.clone())
        };
        let section: T = match serde_path_to_error::deserialize(&tree) {
            Ok(section) => section,
            Err(error) => {
                let path: Vec<String> = error
                    .path()
                    .to_string()
                    .split('.')
                    .map(str::to_owned)
                    .collect();
                self.mistakes.push(Mistake {
                    key: dotted(prefix, &path),
                    origin: origin_of(&path),
                    problem: error.into_inner().to_string(),
                    hint: None,
                });
                return T::default();
            }
        };
        let mut problems = Problems::default();
        section.check(&mut problems);
        for (key, problem) in problems.0 {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            self.mistakes.push(Mistake {
                key: dotted(prefix, &path),
                origin: origin_of(&path),
                problem,
                hint: None,
            });
        }
        let shown = serde_json::to_value(&section)
            .expect("a section serialises to JSON: its keys are texts and its numbers finite");
        self.effective
            .extend(keys(&shown).into_iter().map(|k| Effective {
                key: dotted(prefix, &k.path),
                origin: origin_of(&k.path),
                value: k.default,
            }));
        section
    }

    fn unknown(&mut self, prefix: &[String], known: &[Known], entry: Entry) {
        let wrong = entry.path.join(".");
        let is_table = known.iter().any(|k| k.path.starts_with(&entry.path));
        let names: Vec<String> = known.iter().map(|k| k.path.join(".")).collect();
        let (problem, hint) = if is_table {
            ("this is a table of settings, not one value", None)
        } else {
            let near = nearest(&wrong, names.iter().map(String::as_str));
            (
                "there is no such setting",
                near.map(|n| format!("did you mean `{}`?", dotted(prefix, &[n.to_owned()]))),
            )
        };
        self.mistakes.push(Mistake {
            key: dotted(prefix, &entry.path),
            origin: entry.origin,
            problem: problem.to_owned(),
            hint,
        });
    }
}

fn dotted(prefix: &[String], path: &[String]) -> String {
    let mut parts: Vec<&str> = prefix.iter().chain(path).map(String::as_str).collect();
    // The library's name for "the value itself".
    parts.retain(|p| *p != ".");
    parts.join(".")
}

/// The value of one entry, tried alone against the section, so that each bad key is found and not only the first.
fn understand<T: Section>(
    entry: &Entry,
    key: &Known,
    whole: bool,
) -> Result<Value, (Vec<String>, String)> {
    let candidates = match &entry.raw {
        Raw::Typed(value) => vec![value.clone()],
        Raw::Text(text) => {
            let as_json = serde_json::from_str::<Value>(text).ok();
            let as_text = Value::from(text.as_str());
            if key.default.is_string() {
                vec![as_text]
            } else {
                as_json.into_iter().chain([as_text]).collect()
            }
        }
    };
    let mut first = None;
    for value in candidates {
        if !whole {
            return Ok(value);
        }
        let mut tree = Value::Object(Map::new());
        put(&mut tree, &entry.path, value.clone());
        match serde_path_to_error::deserialize::<_, T>(&tree) {
            Ok(_) => return Ok(value),
            Err(error) => {
                // Below an open table the exact place helps; otherwise the entry's own path is the place.
                let at: Vec<String> = error
                    .path()
                    .to_string()
                    .split('.')
                    .map(str::to_owned)
                    .collect();
                let path = if at.starts_with(&entry.path) {
                    at
                } else {
                    entry.path.clone()
                };
                first.get_or_insert((path, error.into_inner().to_string()));
            }
        }
    }
    Err(first.expect("there is at least one candidate, and none was accepted"))
}
