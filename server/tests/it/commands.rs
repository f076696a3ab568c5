use brisk_testkit::servers::Postgres;

use crate::program::{brisk, out, run};

#[test]
fn settings_are_checked_whole_and_shown_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let shown = brisk(
        folder.path(),
        &["config", "check", "--database", "postgres://u:geheim@h/x"],
    )
    .env("BRISK_MASTER_KEY", "geheim-geheim-geheim-geheim-geheim")
    .output()
    .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && !text.contains("geheim"), "{text}");
    assert!(
        text.contains("database.url = \"postgres://u:********@h/x\""),
        "{text}"
    );
    std::fs::write(
        folder.path().join("brisk.toml"),
        "[http]\nlisten = 7\nlistn = 8\n",
    )
    .unwrap();
    let wrong = run(
        folder.path(),
        &["config", "check", "--database", "mysql://h"],
    );
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    for part in [
        "brisk.toml:2",
        "brisk.toml:3",
        "http.listen",
        "database.url (flag",
        "master_key",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(
        !folder.path().join("brisk.db").exists(),
        "a check opens nothing"
    );
}

#[test]
fn tables_are_made_on_both_engines_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Postgres::shared().database().unwrap();
    let key = "0123456789abcdef0123456789abcdef";
    for url in ["sqlite://brisk.db".to_owned(), database.url()] {
        let migrate = || {
            let args = ["migrate", "--database", &url];
            let output = brisk(folder.path(), &args)
                .env("BRISK_MASTER_KEY", key)
                .output();
            let output = output.unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert!(!migrate().starts_with("0 "), "{url}");
        assert!(migrate().starts_with("0 migrations"), "{url}");
    }
}

#[test]
fn mistakes_on_the_command_line_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["nonsense"]).status.code(), Some(2));
    assert_eq!(
        run(folder.path(), &["key", "create", "--role", "king"])
            .status
            .code(),
        Some(2)
    );
    let only = run(folder.path(), &["serve", "--only", "nonsense"]);
    let text = String::from_utf8(only.stderr).unwrap();
    assert!(text.contains("there is no service `nonsense`"), "{text}");
    let tenant = run(
        folder.path(),
        &["key", "create", "--role", "agent", "--tenant", "nowhere"],
    );
    let text = String::from_utf8(tenant.stderr).unwrap();
    assert!(text.contains("there is no tenant `nowhere`"), "{text}");
    let none = run(folder.path(), &["key", "create", "--role", "agent"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(out(folder.path(), &["version"]).starts_with("brisk "));
}
