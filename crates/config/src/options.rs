//! Where settings are read from; nothing is taken from the process behind the caller's back.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which settings file to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigFile {
    /// No file.
    #[default]
    None,
    /// Read it when it is there.
    IfPresent(PathBuf),
    /// It must be there: somebody named it.
    Required(PathBuf),
}

/// A copy of environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The variables of this process whose name and value are UTF-8.
    pub fn from_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }
}

/// The layers of the settings, weakest first: file, plain environment names, `BRISK_*` names, flags.
///
/// An environment variable that is set to the empty text counts as not set.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The settings file.
    pub file: ConfigFile,
    /// The environment.
    pub env: Environment,
    /// What flags say: dotted key to text, strongest of all.
    pub overrides: BTreeMap<String, String>,
    /// Plain names that other programs use too, each with the dotted key that it stands for.
    pub plain_names: Vec<(&'static str, &'static str)>,
    /// `BRISK_*` names that do not follow from a section's keys, each with its dotted key.
    pub short_names: Vec<(&'static str, &'static str)>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            file: ConfigFile::None,
            env: Environment::default(),
            overrides: BTreeMap::new(),
            plain_names: vec![
                ("DATABASE_URL", "database.url"),
                ("REDIS_URL", "redis.url"),
                ("OPENAI_API_KEY", "llm.openai_api_key"),
                ("OPENAI_BASE_URL", "llm.openai_base_url"),
                ("LOG_LEVEL", "telemetry.log_level"),
            ],
            short_names: vec![
                ("BRISK_LISTEN", "http.listen"),
                ("BRISK_LOG_LEVEL", "telemetry.log_level"),
                // Who reads about the identity service looks for them there; every service's tokens depend on them.
                ("BRISK_IDENTITY_MASTER_KEY", "master_key"),
                ("BRISK_IDENTITY_PUBLIC_BASE", "auth.public_base"),
                ("BRISK_IDENTITY_ISSUER", "auth.issuer"),
                ("BRISK_IDENTITY_AUDIENCE", "auth.audience"),
                ("BRISK_IDENTITY_TOKEN_ACCESS_TTL", "auth.access_ttl"),
            ],
        }
    }
}
