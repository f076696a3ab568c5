//! Which tables a statement's text writes: for what this process itself has committed.
//!
//! It reads words, not grammar: the name after INSERT INTO, UPDATE, DELETE FROM, MERGE INTO, REPLACE INTO and COPY,
//! wherever they stand, so that WITH makes no difference. A text that writes and names no table that way writes any, and
//! so does TRUNCATE, which takes a list and, with CASCADE, whatever refers to it.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use brisk_core::TenantId;

use super::Capture;
use super::change::{Change, Commit, Event, What, Wrote};
use super::hub::Hub;

/// Statements to remember; above the number of declared statements of all services.
const REMEMBERED: usize = 4_096;

/// The tables of each statement, by where its text lies.
#[derive(Debug, Default)]
pub(crate) struct Texts(RwLock<HashMap<(usize, usize), Names>>);

type Names = Arc<[Box<str>]>;

impl Texts {
    /// The tables that `text` writes.
    pub(crate) fn tables(&self, text: &'static str) -> Names {
        let key = (text.as_ptr().addr(), text.len());
        let poisoned = "no holder of this lock can panic";
        if let Some(known) = self.0.read().expect(poisoned).get(&key) {
            return Arc::clone(known);
        }
        let tables: Names = tables(text).into();
        let mut all = self.0.write().expect(poisoned);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        Arc::clone(all.entry(key).or_insert(tables))
    }
}

/// Tells the hooks, before its caller hears of the commit, what a session has just committed.
pub(crate) fn tell(hub: &Hub, capture: Capture, names: &[Box<str>], tenant: TenantId) {
    let declarations = hub.declarations();
    let any = names.is_empty();
    let mut reached: Vec<Arc<str>> = if any {
        declarations
            .tables()
            .map(|captured| Arc::clone(&captured.table))
            .collect()
    } else {
        names
            .iter()
            .flat_map(|name| declarations.reach(name))
            .cloned()
            .collect()
    };
    reached.sort_unstable();
    reached.dedup();
    if reached.is_empty() {
        return;
    }
    // Nobody knows whose rows those are.
    let tenant = if any { TenantId::PLATFORM } else { tenant };
    match capture {
        Capture::Off => {}
        Capture::Outbox => {
            hub.tell_hooks(&Event::Wrote(Arc::new(Wrote {
                tables: (!any).then(|| reached.into()),
                tenant,
                ticket: hub.next_look(),
            })));
            hub.wake.notify_one();
        }
        Capture::App => {
            let changes = reached.into_iter().map(|table| {
                let owned = declarations.get(&table).is_some_and(|c| c.tenant.is_some());
                Change {
                    // A session of the platform may write rows of any tenant.
                    tenant: (owned && tenant != TenantId::PLATFORM).then_some(tenant),
                    table,
                    what: What::Many,
                }
            });
            hub.commit(Commit {
                changes: changes.collect(),
                id: None,
            });
        }
    }
}

fn tables(text: &str) -> Vec<Box<str>> {
    let words = words(text);
    let mut found: Vec<Box<str>> = Vec::new();
    if words.iter().any(|word| word == "truncate") {
        return found;
    }
    for (i, word) in words.iter().enumerate() {
        let at = |n: usize| words.get(n).map(String::as_str);
        let before = i.checked_sub(1).and_then(at);
        let mut name = match (word.as_str(), at(i + 1)) {
            ("insert" | "merge" | "replace", Some("into")) | ("delete", Some("from")) => i + 2,
            ("insert" | "update", Some("or")) => i + 3,
            ("update", _) if !matches!(before, Some("for" | "do" | "on" | "key" | "or")) => i + 1,
            ("copy", _) => i + 1,
            _ => continue,
        };
        while matches!(at(name), Some("only" | "table" | "into")) {
            name += 1;
        }
        // The last part of a qualified name.
        while at(name + 1) == Some(".") {
            name += 2;
        }
        let Some(table) = at(name) else { continue };
        // MERGE has an UPDATE without a name.
        if table != "set"
            && table.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && !found.iter().any(|known| **known == *table)
        {
            found.push(table.into());
        }
    }
    found
}

/// Words and dots, in lower case, without what stands in literals and comments.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => while chars.next().is_some_and(|c| c != '\'') {},
            '"' => words.push(chars.by_ref().take_while(|c| *c != '"').collect()),
            '-' if chars.peek() == Some(&'-') => while chars.next().is_some_and(|c| c != '\n') {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '.' => words.push(".".to_owned()),
            c if c.is_alphanumeric() || c == '_' || c == '$' => {
                let mut word: String = c.to_lowercase().collect();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_' || *c == '$')
                {
                    word.extend(c.to_lowercase());
                }
                words.push(word);
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("INSERT INTO a (b) VALUES ('update c')", "a"),
            ("INSERT OR REPLACE INTO a (b) VALUES (1)", "a"),
            (
                "update only public.a set b = 1 where c in (select d from e for update)",
                "a",
            ),
            (
                "UPDATE a SET b = 1 -- update c\n WHERE /* delete from d */ e = 1",
                "a",
            ),
            ("DELETE FROM \"a\" USING b", "a"),
            (
                "WITH x AS (DELETE FROM a RETURNING id) INSERT INTO b SELECT id FROM x",
                "a,b",
            ),
            (
                "INSERT INTO a AS c (d) VALUES (1) ON CONFLICT (d) DO UPDATE SET d = c.d",
                "a",
            ),
            ("SELECT 1 FROM a FOR NO KEY UPDATE", ""),
            ("TRUNCATE TABLE a, b CASCADE", ""),
            ("COPY a FROM STDIN", "a"),
            (
                "MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET c = 1",
                "a",
            ),
            ("PRAGMA optimize", ""),
        ] {
            assert_eq!(tables(text).join(","), expected, "{text}");
        }
    }
}
