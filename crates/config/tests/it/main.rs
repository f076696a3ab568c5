//! The layers together: precedence, provenance, and every mistake at once.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use brisk_config::{
    ByteSize, ConfigFile, Environment, LoadOptions, Origin, Problems, Secret, Section, Settings,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    listen: String,
    rate_limit_per_min: u32,
    #[serde(with = "brisk_config::duration")]
    deadline: Duration,
    max_body: ByteSize,
    trusted_proxies: Vec<String>,
    hash: Hash,
    providers: BTreeMap<String, Provider>,
    token: Option<Secret>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Hash {
    memory_kib: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    client_id: String,
    client_secret: Secret,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            rate_limit_per_min: 100,
            deadline: Duration::from_secs(10),
            max_body: ByteSize::mib(1),
            trusted_proxies: Vec::new(),
            hash: Hash::default(),
            providers: BTreeMap::new(),
            token: None,
        }
    }
}

impl Section for Http {
    fn check(&self, problems: &mut Problems) {
        if self.deadline.is_zero() {
            problems.add("deadline", "must be longer than zero");
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Database {
    url: Option<Secret>,
}

impl Section for Database {}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
struct Root {
    environment: String,
}

impl Default for Root {
    fn default() -> Self {
        Self {
            environment: "development".to_owned(),
        }
    }
}

impl Section for Root {}

struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("brisk-config-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn options(file: Option<&TempFile>, env: &[(&str, &str)], flags: &[(&str, &str)]) -> LoadOptions {
    LoadOptions {
        file: file.map_or(ConfigFile::None, |f| ConfigFile::Required(f.0.clone())),
        env: env.iter().copied().collect::<Environment>(),
        overrides: flags
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..LoadOptions::default()
    }
}

#[test]
fn each_layer_beats_the_one_before_and_the_origin_is_kept() {
    let file = TempFile::new(
        "layers",
        "environment = \"production\"\n\n[http]\nlisten = \"0.0.0.0:80\"\nrate_limit_per_min = 5\ndeadline = \"2s\"\nmax_body = \"4MiB\"\n[http.hash]\nmemory_kib = 64\n",
    );
    let env = [
        ("BRISK_HTTP_RATE_LIMIT_PER_MIN", "6"),
        ("BRISK_HTTP_DEADLINE", "3s"),
        ("BRISK_HTTP_HASH_MEMORY_KIB", "128"),
        ("BRISK_HTTP_TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("BRISK_HTTP_TOKEN", "12345"),
        ("DATABASE_URL", "sqlite://plain.db"),
        ("PATH", "/bin"),
    ];
    let flags = [("http.deadline", "4s")];
    let mut s = Settings::load(options(Some(&file), &env, &flags)).sections();
    let root: Root = s.take_root();
    let http: Http = s.take("http");
    let db: Database = s.take("database");
    let checked = s.finish().unwrap();
    assert_eq!(root.environment, "production");
    assert_eq!(
        (http.listen.as_str(), http.rate_limit_per_min),
        ("0.0.0.0:80", 6)
    );
    assert_eq!(
        (http.deadline, http.max_body),
        (Duration::from_secs(4), ByteSize::mib(4))
    );
    assert_eq!((http.hash.memory_kib, http.trusted_proxies.len()), (128, 1));
    assert_eq!(http.token.unwrap().expose(), "12345");
    assert_eq!(db.url.unwrap().expose(), "sqlite://plain.db");
    let origin = |key: &str| {
        checked
            .0
            .iter()
            .find(|e| e.key == key)
            .unwrap()
            .origin
            .to_string()
    };
    assert!(
        origin("http.listen").ends_with(".toml:4"),
        "{}",
        origin("http.listen")
    );
    assert_eq!(
        origin("http.hash.memory_kib"),
        "environment BRISK_HTTP_HASH_MEMORY_KIB"
    );
    assert_eq!(origin("http.deadline"), "flag for http.deadline");
    assert_eq!(origin("http.providers"), "default");
    assert!(!checked.to_string().contains("plain.db"), "{checked}");
    assert!(!checked.to_string().contains("12345"), "{checked}");
}

#[test]
fn every_mistake_of_every_layer_is_reported_at_once() {
    let file = TempFile::new(
        "mistakes",
        "[http]\nrate_limit_per_mn = 5\ndeadline = 10\nhash = 3\n[databse]\nurl = \"x\"\n",
    );
    let env = [
        ("BRISK_HTTP_RATE_LIMIT_PER_MIN", "many"),
        ("BRISK_HTTP_TRUSTED_PROXYS", "[]"),
        ("BRISK_HTTP_TRUSTED_PROXIES", "10.0.0.0/8"),
    ];
    let flags = [("http.max_body", "huge")];
    let mut s = Settings::load(options(Some(&file), &env, &flags)).sections();
    let _: Http = s.take("http");
    let _: Database = s.take("database");
    let text = s.finish().unwrap_err().to_string();
    for expected in [
        "8 settings cannot be used",
        "http.rate_limit_per_mn (",
        ".toml:2): there is no such setting; did you mean `http.rate_limit_per_min`?",
        ".toml:3): invalid type: integer",
        ".toml:4): this is a table of settings",
        "http.rate_limit_per_min (environment BRISK_HTTP_RATE_LIMIT_PER_MIN): invalid type: string \"many\", expected u32",
        "http.trusted_proxies (environment BRISK_HTTP_TRUSTED_PROXIES)",
        "http.max_body (flag for http.max_body)",
        "databse (",
        "did you mean `database`?",
        "environment BRISK_HTTP_TRUSTED_PROXYS: no setting has this name; did you mean BRISK_HTTP_TRUSTED_PROXIES?",
    ] {
        assert!(text.contains(expected), "missing {expected:?} in\n{text}");
    }
}

#[test]
fn a_table_with_free_names_is_read_whole_and_its_faults_are_placed() {
    let file = TempFile::new(
        "providers",
        "[http.providers.google]\nclient_id = \"a\"\nclient_secret = \"hush\"\n",
    );
    let mut s = Settings::load(options(Some(&file), &[], &[])).sections();
    let http: Http = s.take("http");
    let checked = s.finish().unwrap();
    assert_eq!(http.providers["google"].client_id, "a");
    assert!(
        checked
            .0
            .iter()
            .any(|e| e.key == "http.providers.google.client_secret"
                && e.value == "********"
                && matches!(e.origin, Origin::File { line: 3, .. }))
    );

    let file = TempFile::new(
        "provider2",
        "[http.providers.google]\nclient_id = 7\nclient_secret = \"hush\"\n",
    );
    let mut s = Settings::load(options(Some(&file), &[], &[])).sections();
    let _: Http = s.take("http");
    let errors = s.finish().unwrap_err();
    assert_eq!(errors.0[0].key, "http.providers.google.client_id");
    assert!(
        matches!(errors.0[0].origin, Origin::File { line: 2, .. }),
        "{errors}"
    );
    assert!(!errors.to_string().contains("hush"));
}

#[test]
fn a_rule_of_the_section_names_the_line_that_broke_it() {
    let mut s = Settings::load(options(None, &[("BRISK_HTTP_DEADLINE", "0s")], &[])).sections();
    let _: Http = s.take("http");
    let errors = s.finish().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "1 setting cannot be used\n  http.deadline (environment BRISK_HTTP_DEADLINE): must be longer than zero"
    );
}

#[test]
fn ignored_sections_plain_names_of_others_and_empty_variables_are_no_mistakes() {
    let file = TempFile::new("ignored", "[fraud]\nanything = 1\n");
    let env = [
        ("BRISK_FRAUD_LIMIT", "1"),
        ("OPENAI_API_KEY", "sk-not-ours"),
        ("BRISK_HTTP_LISTEN", ""),
        ("BRISK_LISTEN", "127.0.0.1:9"),
    ];
    let mut s = Settings::load(options(Some(&file), &env, &[])).sections();
    let http: Http = s.take("http");
    s.ignore("fraud");
    s.finish().unwrap();
    assert_eq!(http.listen, "127.0.0.1:9");
}

#[test]
fn a_broken_or_missing_file_is_reported_with_its_place() {
    let file = TempFile::new("broken", "[http]\nlisten = \n");
    let mut s = Settings::load(options(Some(&file), &[("BRISK_NOTHING", "1")], &[])).sections();
    let _: Http = s.take("http");
    let text = s.finish().unwrap_err().to_string();
    assert!(
        text.contains(".toml:2: ") && text.contains("BRISK_NOTHING"),
        "{text}"
    );

    let mut missing = options(None, &[], &[]);
    missing.file = ConfigFile::Required("/nowhere/brisk.toml".into());
    assert!(Settings::load(missing.clone()).sections().finish().is_err());
    missing.file = ConfigFile::IfPresent("/nowhere/brisk.toml".into());
    assert!(Settings::load(missing).sections().finish().is_ok());
}
