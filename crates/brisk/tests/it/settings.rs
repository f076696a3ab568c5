use brisk::config::{Environment, LoadOptions, Settings};
use brisk::{App, Error};

use crate::notes::{Notes, Other};
use crate::world::app;

/// An app on this database with further settings.
pub(crate) fn app_with(url: &str, more: &[(&str, &str)]) -> App {
    let mut options = LoadOptions {
        overrides: [("database.url", url), ("telemetry.log_level", "warn")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..LoadOptions::default()
    };
    let key = ("master_key", "0123456789abcdef0123456789abcdef");
    for (key, value) in more.iter().chain([&key]) {
        options
            .overrides
            .insert((*key).to_owned(), (*value).to_owned());
    }
    App::new(Settings::load(options))
}

#[test]
fn every_mistake_of_the_kit_and_of_a_service_is_told_at_once() {
    let env = [
        ("DATABASE_URL", "postgres://u:geheim@localhost/x"),
        ("BRISK_LISTEN", "here"),
        ("BRISK_NOTES_LONGEST", "0"),
        ("BRISK_NOTES_LONGST", "1"),
        ("BRISK_ENVIRONMENT", "prod"),
        ("BRISK_DATABASE_CAPTURE", "wal"),
        ("BRISK_DATABASE_WAITING", "0"),
        ("BRISK_DATABASE_WAIT", "0s"),
        ("BRISK_DATABASE_SLOW_APART", "0s"),
        ("BRISK_DATABASE_LANES", "2"),
        ("BRISK_DATABASE_LANES_MIN", "3"),
        ("BRISK_DATABASE_NODES", "0"),
        ("BRISK_DATABASE_POOLER_SAFE", "true"),
        ("BRISK_DATABASE_REPLICA_URL", "mysql://u:geheim@x"),
        ("BRISK_REDIS_URL", "rediss://u:geheim@x"),
        ("BRISK_REDIS_TIMEOUT", "0s"),
    ];
    let settings = Settings::load(LoadOptions {
        env: Environment::from_iter(env),
        ..LoadOptions::default()
    });
    let text = App::new(settings)
        .service(Notes::default())
        .check()
        .unwrap_err()
        .to_string();
    for part in [
        "http.listen (environment BRISK_LISTEN)",
        "notes.longest (environment BRISK_NOTES_LONGEST): must be at least 1",
        "did you mean BRISK_NOTES_LONGEST?",
        "environment (environment BRISK_ENVIRONMENT)",
        "database.capture (environment BRISK_DATABASE_CAPTURE): wal is not available",
        "database.waiting (environment BRISK_DATABASE_WAITING): must be at least 1",
        "database.wait (environment BRISK_DATABASE_WAIT): must be longer than zero",
        "database.lanes_min (environment BRISK_DATABASE_LANES_MIN): must not be more than database.lanes",
        "database.nodes (environment BRISK_DATABASE_NODES): must be at least 1",
        "redis.url (environment BRISK_REDIS_URL): the address of the nodes' cache cannot be used: TLS is not supported",
        "redis.timeout (environment BRISK_REDIS_TIMEOUT): must be longer than zero",
        "database.direct_url (default): is required with pooler_safe",
        "database.replica_url (environment BRISK_DATABASE_REPLICA_URL): must begin with postgres://",
        "master_key (default): is required with PostgreSQL",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn settings_of_a_service_that_does_not_run_are_not_read() {
    let settings = Settings::load(LoadOptions {
        env: Environment::from_iter([("BRISK_NOTES_LONGEST", "0")]),
        ..LoadOptions::default()
    });
    let app = App::new(settings).service(Notes::default()).service(Other);
    let checked = app.only(vec!["other".to_owned()]).check().unwrap();
    assert!(!checked.effective().to_string().contains("notes"));
    let wrong = app_with("sqlite://x.db", &[]).service(Other);
    let error = wrong.only(vec!["ohter".to_owned()]).check().unwrap_err();
    assert!(matches!(error, Error::UnknownService { .. }));
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_in_words() {
    let error = app("sqlite:///nowhere/at/all/brisk.db")
        .check()
        .unwrap()
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot open the database");
}
