//! `brisk new`: the folder that it makes, and that this builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{out, run};

/// Set for the long forms of tests; here the new service's own tests are built and run, on both engines.
const FULL: &str = "BRISK_TEST_FULL";

/// This checkout.
fn kit() -> PathBuf {
    let kit = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    kit.canonicalize().unwrap()
}

/// All files below `folder`, by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(folder).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_made_is_the_example_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    out(folder.path(), &["new", "hello"]);
    let (example, made) = (
        kit().join("examples/hello-service"),
        folder.path().join("hello"),
    );
    let mut expected = files(&example);
    expected.extend([".gitignore".to_owned(), "Cargo.lock".to_owned()]);
    expected.sort();
    assert_eq!(files(&made), expected);
    for path in files(&example) {
        if path != "Cargo.toml" {
            let [own, new] = [&example, &made].map(|f| fs::read_to_string(f.join(&path)).unwrap());
            let own = own.replace("hello-service", "hello");
            assert_eq!(own.replace("hello_service", "hello"), new, "{path}");
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("orders")).unwrap();
    for (args, status, why) in [
        (&["new", "orders"][..], 1, "orders is there already"),
        (&["new", "Orders"], 2, "lower-case letters"),
        (&["new", "match"], 2, "a word of Rust"),
        (&["new", "parcels", "--kit", "."], 1, "is no checkout"),
        (
            &["new", "parcels", "--kit", "nowhere"],
            1,
            "cannot read nowhere",
        ),
    ] {
        let refused = run(folder.path(), args);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(status), "{args:?}: {text}");
        assert!(text.contains(why), "{args:?}: {text}");
    }
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[test]
fn a_new_service_builds_and_its_name_is_its_own_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kit();
    let args = ["new", "city-permits", "--path", "services", "--kit"];
    let said = out(
        folder.path(),
        &[&args[..], &[kit.to_str().unwrap()]].concat(),
    );
    assert!(said.contains("services/city-permits"), "{said}");
    let made = folder.path().join("services/city-permits");
    for path in files(&made) {
        let text = fs::read_to_string(made.join(&path)).unwrap();
        if path != "Cargo.lock" {
            let both = format!("{path} {text}").replace(kit.to_str().unwrap(), "");
            let both = both.to_lowercase();
            assert!(!both.contains("hello"), "{path}: {text}");
        }
    }
    assert!(made.join("migrations/sqlite/V1__city_permits.sql").exists());
    // Into what this checkout has built already, so that only what is new to it takes time.
    let target = Path::new(env!("CARGO_BIN_EXE_brisk")).ancestors().nth(2);
    let work: &[&str] = if std::env::var_os(FULL).is_some() {
        &["test"]
    } else {
        &["check", "--all-targets"]
    };
    let built = Command::new(env!("CARGO"))
        .args(work)
        .args(["--offline", "--quiet"])
        .current_dir(&made)
        .env("CARGO_TARGET_DIR", target.unwrap())
        .output()
        .unwrap();
    let text = [built.stdout, built.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(built.status.success(), "{text}");
    assert!(!text.contains("warning"), "{text}");
}
