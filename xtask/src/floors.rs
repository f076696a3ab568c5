//! Which package may import which: the higher floor imports the lower one, never the same, never upwards.

/// What `brisk-testkit` may be imported by, other than as a dev-dependency.
const TESTKIT: &str = "brisk-testkit";

/// The kit and what stands on it, lowest first; ARCHITECTURE.md tells why.
const FLOORS: &[&[&str]] = &[
    &["brisk-core"],
    &["brisk-config"],
    &["brisk-telemetry", "brisk-db-macros", "brisk-cache-macros"],
    &["brisk-db"],
    &["brisk-cache"],
    &["brisk-auth", "brisk-llm", "brisk-jobs"],
    &["brisk-http"],
    &["brisk-ws"],
    &["brisk"],
    &[
        "brisk-identity",
        "brisk-catalog",
        "brisk-civic",
        "brisk-fraud",
        "brisk-home",
    ],
    &["brisk-console"],
    // Programs.
    &["brisk-server", "hello-service"],
];

/// The kind of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
}

fn floor(package: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&package))
}

/// Whether this package has a place in the house.
pub(crate) fn is_placed(package: &str) -> bool {
    floor(package).is_some() || package == TESTKIT || package == "xtask"
}

/// Why `from` may not import `to`; none when it may.
pub(crate) fn forbids(from: &str, to: &str, kind: Kind) -> Option<String> {
    if from == to && kind == Kind::Dev {
        return None; // its own package with more features, for its tests
    }
    if to == TESTKIT {
        return (kind == Kind::Normal && from != "xtask")
            .then(|| format!("{from} imports {to} outside tests; move it to [dev-dependencies]"));
    }
    if from == "xtask" {
        return Some(format!(
            "xtask imports {to}; it may import only {TESTKIT}, to build in seconds"
        ));
    }
    let Some(below) = floor(to) else {
        return Some(format!("{from} imports {to}, which nothing may import"));
    };
    let above = if from == TESTKIT {
        floor("brisk").map(|floor| floor + 1)?
    } else {
        floor(from)?
    };
    if below < above {
        None
    } else if below == above && FLOORS[below].len() > 1 && FLOORS[below].contains(&"brisk-civic") {
        Some(format!(
            "{from} imports {to}: a service never imports another; state a trait in {from} and connect the two in server/"
        ))
    } else {
        Some(format!(
            "{from} (floor {above}) imports {to} (floor {below}); only a lower floor may be imported, see xtask/src/floors.rs"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_run_downward_only() {
        for (from, to, allowed) in [
            ("brisk-db", "brisk-core", true),
            ("brisk-http", "brisk-jobs", true),
            ("brisk-console", "brisk-civic", true),
            ("brisk-server", "brisk-console", true),
            ("brisk-core", "brisk-db", false),
            ("brisk-auth", "brisk-jobs", false),
            ("brisk-telemetry", "brisk-config", true),
            ("brisk-config", "brisk-telemetry", false),
            ("brisk-civic", "brisk-identity", false),
            ("brisk", "brisk-civic", false),
            ("brisk-testkit", "brisk", true),
            ("brisk-testkit", "brisk-civic", false),
            ("brisk-db", "brisk-testkit", false),
            ("xtask", "brisk-testkit", true),
            ("xtask", "brisk-core", false),
            ("brisk-civic", "xtask", false),
        ] {
            let forbidden = forbids(from, to, Kind::Normal);
            assert_eq!(
                forbidden.is_none(),
                allowed,
                "{from} -> {to}: {forbidden:?}"
            );
        }
    }

    #[test]
    fn every_package_may_use_the_test_kit_in_its_tests_and_nothing_else_upwards() {
        assert_eq!(forbids("brisk-core", "brisk-testkit", Kind::Dev), None);
        assert_eq!(forbids("brisk-testkit", "brisk-testkit", Kind::Dev), None);
        assert!(forbids("brisk-core", "brisk-db", Kind::Dev).is_some());
    }
}
