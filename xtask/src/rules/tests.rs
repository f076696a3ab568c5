use std::fs;
use std::path::PathBuf;

use brisk_testkit::files::Folder;

use super::files::MOST_LINES;
use super::*;
use crate::manifests::Member;

fn tree(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn member(folder: &str, manifest: &str) -> Member {
    let manifest: toml::Table = manifest.parse().unwrap();
    Member {
        folder: folder.into(),
        name: manifest["package"]["name"].as_str().unwrap().to_owned(),
        manifest,
    }
}

#[test]
fn an_import_between_services_is_found_in_every_section() {
    let civic = member(
        "services/civic",
        "[package]\nname = 'brisk-civic'\n[target.'cfg(unix)'.dependencies]\nbrisk-fraud.workspace = true",
    );
    let fraud = member(
        "services/fraud",
        "[package]\nname = 'brisk-fraud'\n[dev-dependencies]\nbrisk-civic.workspace = true",
    );
    let stray = member("crates/utils", "[package]\nname = 'brisk-utils'");
    let findings = floors(&[civic, fraud, stray]);
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings[0].starts_with("brisk-civic imports brisk-fraud: a service never"));
    assert!(findings[2].contains("brisk-utils has no floor"));
}

#[test]
fn a_version_outside_the_root_and_a_setting_of_one_s_own_are_found() {
    let kept = "[package]\nname = 'a'\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                license.workspace = true\npublish.workspace = true\n[lints]\nworkspace = true\n\
                [dependencies]\nserde = { workspace = true, features = ['rc'] }";
    assert_eq!(inheritance(&[member("a", kept)]), Vec::<String>::new());
    let broken = kept
        .replace("edition.workspace = true", "edition = '2021'")
        .replace("{ workspace = true, features = ['rc'] }", "'1'")
        .replace("[lints]\nworkspace = true", "");
    let findings = inheritance(&[member("a", &broken)]);
    assert_eq!(findings.len(), 3, "{findings:?}");
}

#[test]
fn a_readme_has_the_package_s_name_and_something_below_it() {
    let a = || member("a", "[package]\nname = 'brisk-a'");
    for (text, kept) in [
        ("# brisk-a\n\nWhat it owns.\n", true),
        ("# brisk-a\n\n", false),
        ("# brisk-abc\n\nOther.\n", false),
        ("", false),
    ] {
        let root = tree(&[("a/README.md", text)]);
        assert_eq!(readmes(root.path(), &[a()]).is_empty(), kept, "{text:?}");
    }
    assert_eq!(readmes(tree(&[]).path(), &[a()]).len(), 1);
}

#[test]
fn migrations_come_in_twins_with_a_number_of_their_own() {
    let a = || [member("a", "[package]\nname = 'a'")];
    let kept = tree(&[
        ("a/migrations/postgres/V1__start.sql", ""),
        ("a/migrations/sqlite/V1__start.sql", ""),
    ]);
    assert_eq!(migrations(kept.path(), &a()).unwrap(), Vec::<String>::new());
    let broken = tree(&[
        ("a/migrations/postgres/V1__start.sql", ""),
        ("a/migrations/postgres/V1__again.sql", ""),
        ("a/migrations/sqlite/V1__start.sql", ""),
        ("a/migrations/sqlite/next.sql", ""),
        ("a/migrations/loose.sql", ""),
    ]);
    let findings = migrations(broken.path(), &a()).unwrap();
    assert_eq!(findings.len(), 5, "{findings:#?}");
}

#[test]
fn a_quote_that_is_no_longer_true_is_found() {
    let page = |text: &str| format!("# A\n\n<!-- from a.rs -->\n```rust\n{text}\n```\n");
    for (text, kept) in [
        (page("fn a() {\n}"), true),
        (page("fn a() {}"), false),
        ("# A\n\n<!-- from a.rs -->\n\nNo block.\n".to_owned(), false),
        ("# A\n".to_owned(), true),
    ] {
        let root = tree(&[("README.md", &text), ("a.rs", "//! A.\nfn a() {\n}\n")]);
        let findings = quotes(root.path(), &[PathBuf::from("README.md")]).unwrap();
        assert_eq!(findings.is_empty(), kept, "{text}: {findings:?}");
    }
}

#[test]
fn a_long_file_is_found_and_other_kinds_of_file_may_be_long() {
    let long = "line\n".repeat(MOST_LINES + 1);
    let fits = "line\n".repeat(MOST_LINES);
    let root = tree(&[("a.rs", &long), ("b.rs", &fits), ("c.md", &long)]);
    let files = ["a.rs", "b.rs", "c.md"].map(PathBuf::from);
    let findings = lengths(root.path(), &files, &[]).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].starts_with("a.rs has 701 lines"));
    let excused = [("a.rs", "a reason"), ("b.rs", "none any more")];
    let findings = lengths(root.path(), &files, &excused).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].starts_with("b.rs is no longer too long"));
}

#[test]
fn a_place_on_one_machine_is_found_and_a_route_is_not() {
    let hidden = format!("see {}me/notes\n", concat!("/Us", "ers/"));
    let root = tree(&[
        ("a.md", &hidden),
        (
            "b.md",
            concat!(
                "GET /v1/Users/7, ./wo",
                "rk/x, https://x.example/wo",
                "rk/\n"
            ),
        ),
    ]);
    let files = ["a.md", "b.md"].map(PathBuf::from);
    let findings = places(root.path(), &files);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].starts_with("a.md:1: "));
}
