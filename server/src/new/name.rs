//! The name of a new service, in the forms that its files have it in.

/// Characters of the longest name; PostgreSQL's names of tables, which begin with it, have 63 at most.
const LONGEST: usize = 40;

/// Rust's own words.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that are always there, sections of the settings, and paths at the root.
const TAKEN: &[&str] = &[
    "alloc",
    "auth",
    "caches",
    "core",
    "database",
    "docs",
    "environment",
    "health",
    "http",
    "llm",
    "memory",
    "metrics",
    "performance",
    "proc-macro",
    "redis",
    "std",
    "telemetry",
    "test",
];

/// A name that is good for a package, a crate, a type, a section of the settings and a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// `city-permits`
    pub(super) package: String,
    /// `city_permits`
    pub(super) word: String,
    /// `CityPermits`
    pub(super) kind: String,
}

impl Name {
    /// The name as somebody writes it.
    ///
    /// # Errors
    ///
    /// Why it cannot be one, as a fragment of a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let is_spelled = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.split('-').all(is_spelled) {
            return Err(
                "a name has lower-case letters, digits and single hyphens between them, a letter first"
                    .to_owned(),
            );
        }
        if text.len() > LONGEST {
            return Err(format!("a name has {LONGEST} characters at most"));
        }
        if KEYWORDS.contains(&text) {
            return Err("this is a word of Rust".to_owned());
        }
        if TAKEN.contains(&text) || text.split('-').next() == Some("brisk") {
            return Err("the kit has something of this name already".to_owned());
        }
        let capital = |part: &str| part[..1].to_ascii_uppercase() + &part[1..];
        Ok(Self {
            package: text.to_owned(),
            word: text.replace('-', "_"),
            kind: text.split('-').map(capital).collect(),
        })
    }

    /// The text with this name in the place of the example's, in each of its forms.
    pub(super) fn put_into(&self, mut text: &str) -> String {
        let variable = self.word.to_ascii_uppercase();
        // The longer ones first, because the last one is a part of them.
        let forms = [
            ("hello-service", &self.package),
            ("hello_service", &self.word),
            ("HELLO", &variable),
            ("Hello", &self.kind),
            ("hello", &self.word),
        ];
        let mut named = String::with_capacity(text.len());
        while let Some(at) = text.find(['h', 'H']) {
            let (before, from) = text.split_at(at);
            named.push_str(before);
            let form = forms
                .iter()
                .find_map(|(old, new)| Some((from.strip_prefix(old)?, new.as_str())));
            let (rest, new) = form.unwrap_or((&from[1..], &from[..1]));
            named.push_str(new);
            text = rest;
        }
        named + text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_apart_from_what_cannot_be_one() {
        for good in ["orders", "city-permits", "a1", "hello-world"] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "letters"),
            ("Orders", "letters"),
            ("1st", "letters"),
            ("a_b", "letters"),
            ("a--b", "letters"),
            ("a-", "letters"),
            ("../a", "letters"),
            ("müll", "letters"),
            ("match", "word of Rust"),
            ("auth", "already"),
            ("brisk-db", "already"),
            (&"a".repeat(41), "40"),
        ] {
            let said = Name::parse(bad).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn every_form_of_the_name_is_put_in_once() {
        let name = Name::parse("hello-world-hello").unwrap();
        assert_eq!(
            name.put_into("# hello-service: hello_service::Hello, HELLO_X, hello_notes, the house"),
            "# hello-world-hello: hello_world_hello::HelloWorldHello, HELLO_WORLD_HELLO_X, hello_world_hello_notes, the house"
        );
    }
}
