//! What an index would have to hold, read from a statement's text.
//!
//! As with what a statement writes, words are read, not grammar: the conditions on one table that are joined by AND, and
//! the order of the answer. Whatever is not understood leaves the table without advice.

/// A piece of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A name or a key word, in lower case.
    Word(String),
    /// A parameter, a number or a text.
    Value,
    /// Anything else.
    Sign(char),
}

/// Conditions and order of one table in one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Columns compared with `=`, `IN` or `= ANY`.
    pub(super) equal: Vec<String>,
    /// Columns compared by size, in the order of the comparison.
    pub(super) range: Vec<String>,
    /// Columns of ORDER BY, and whether each goes down.
    pub(super) order: Vec<(String, bool)>,
    /// Whether only the first rows are wanted.
    pub(super) limited: bool,
    /// Whether rows are counted or summed, so that the number of rows that come back says nothing.
    pub(super) summed: bool,
}

/// Words that end the conditions.
const ENDS: [&str; 10] = [
    "group",
    "order",
    "limit",
    "having",
    "union",
    "for",
    "returning",
    "offset",
    "window",
    "fetch",
];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                while chars.next().is_some_and(|c| c != '\'') {}
                tokens.push(Token::Value);
            }
            '"' => tokens.push(Token::Word(
                chars.by_ref().take_while(|c| *c != '"').collect(),
            )),
            '-' if chars.peek() == Some(&'-') => while chars.next().is_some_and(|c| c != '\n') {},
            '$' | '?' | '0'..='9' => {
                while chars.next_if(char::is_ascii_alphanumeric).is_some() {}
                tokens.push(Token::Value);
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut word: String = c.to_lowercase().collect();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.extend(c.to_lowercase());
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Sign(c)),
        }
    }
    // A cast says nothing here.
    let mut plain = Vec::with_capacity(tokens.len());
    let mut all = tokens.into_iter().peekable();
    while let Some(token) = all.next() {
        if token == Token::Sign(':') && all.next_if_eq(&Token::Sign(':')).is_some() {
            all.next();
        } else {
            plain.push(token);
        }
    }
    plain
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    match tokens.get(at)? {
        Token::Word(word) => Some(word),
        Token::Value | Token::Sign(_) => None,
    }
}

fn is_sign(tokens: &[Token], at: usize, sign: char) -> bool {
    tokens.get(at) == Some(&Token::Sign(sign))
}

/// What `text` wants of `table`, where it stands there exactly once.
pub(super) fn wanted(text: &str, table: &str) -> Option<Wanted> {
    let tokens = tokens(text);
    let mut places = (0..tokens.len()).filter(|at| {
        word(&tokens, *at) == Some(table)
            && at.checked_sub(1).is_some_and(|before| {
                matches!(word(&tokens, before), Some("from" | "join" | "update"))
                    || is_sign(&tokens, before, ',')
            })
    });
    let place = places.next()?;
    if places.next().is_some() {
        return None;
    }
    let alias = match word(&tokens, place + 1) {
        Some("as") => word(&tokens, place + 2),
        Some(name) if !is_key_word(name) => Some(name),
        _ => None,
    };
    let scope = scope(&tokens, place);
    let mut wanted = Wanted {
        summed: scope.windows(2).any(|two| {
            matches!(word(two, 0), Some("count" | "sum" | "min" | "max" | "avg"))
                && is_sign(two, 1, '(')
        }),
        ..Wanted::default()
    };
    let parts = split(scope);
    let names = Names { table, alias };
    names.conditions(parts.conditions, &mut wanted)?;
    names.order(parts.order, &mut wanted);
    wanted.limited = parts.limited;
    Some(wanted)
}

/// The table that is called `name` in `text`: by itself, or by an alias.
pub(super) fn table_named(text: &str, name: &str) -> Option<String> {
    let tokens = tokens(text);
    let name = name.to_lowercase();
    let named = |at: usize| {
        let table = word(&tokens, at)?;
        let alias = match word(&tokens, at + 1) {
            Some("as") => word(&tokens, at + 2),
            Some(next) if !is_key_word(next) => Some(next),
            _ => None,
        };
        (alias.unwrap_or(table) == name).then(|| table.to_owned())
    };
    (1..tokens.len())
        .filter(|at| {
            matches!(word(&tokens, at - 1), Some("from" | "join" | "update"))
                || is_sign(&tokens, at - 1, ',')
        })
        .find_map(named)
}

fn is_key_word(word: &str) -> bool {
    ENDS.contains(&word)
        || matches!(
            word,
            "where"
                | "join"
                | "left"
                | "right"
                | "inner"
                | "cross"
                | "full"
                | "on"
                | "set"
                | "using"
                | "natural"
        )
}

/// The tokens of the query that the table belongs to: from the bracket before it to that behind it.
fn scope(tokens: &[Token], place: usize) -> &[Token] {
    let mut depth = 0;
    let mut start = 0;
    for at in (0..place).rev() {
        match tokens[at] {
            Token::Sign(')') => depth += 1,
            Token::Sign('(') if depth == 0 => {
                start = at + 1;
                break;
            }
            Token::Sign('(') => depth -= 1,
            _ => {}
        }
    }
    depth = 0;
    let mut end = tokens.len();
    for (at, token) in tokens.iter().enumerate().skip(place) {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') if depth == 0 => {
                end = at;
                break;
            }
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
    }
    &tokens[start..end]
}

#[derive(Default)]
struct Parts<'a> {
    conditions: &'a [Token],
    order: &'a [Token],
    limited: bool,
}

/// The positions of words outside of brackets.
fn outside(tokens: &[Token]) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 0_i32;
    tokens.iter().enumerate().filter_map(move |(at, token)| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Word(word) if depth == 0 => return Some((at, word.as_str())),
            _ => {}
        }
        None
    })
}

fn split(scope: &[Token]) -> Parts<'_> {
    let words: Vec<(usize, &str)> = outside(scope).collect();
    let find = |name: &str| words.iter().rev().find(|(_, word)| *word == name);
    let until_end = |from: usize| {
        let end = words
            .iter()
            .find(|(at, word)| *at > from && ENDS.contains(word));
        &scope[from + 1..end.map_or(scope.len(), |(at, _)| *at)]
    };
    Parts {
        conditions: find("where").map_or(&[][..], |(at, _)| until_end(*at)),
        order: find("order").map_or(&[][..], |(at, _)| until_end(*at + 1)),
        limited: find("limit").is_some(),
    }
}

struct Names<'a> {
    table: &'a str,
    alias: Option<&'a str>,
}

impl Names<'_> {
    /// A column of ours at the beginning of `tokens`, and how many tokens it takes.
    fn column<'t>(&self, tokens: &'t [Token]) -> Option<(&'t str, usize)> {
        let first = word(tokens, 0)?;
        if !is_sign(tokens, 1, '.') {
            return Some((first, 1));
        }
        let ours = first == self.alias.unwrap_or(self.table) || first == self.table;
        ours.then(|| word(tokens, 2).map(|column| (column, 3)))?
    }

    /// `None` where OR stands between conditions.
    fn conditions(&self, tokens: &[Token], wanted: &mut Wanted) -> Option<()> {
        let mut start = 0;
        let mut between = false;
        let mut ends = Vec::new();
        for (at, name) in outside(tokens) {
            match name {
                "or" => return None,
                "between" => between = true,
                "and" if between => between = false,
                "and" => ends.push(at),
                _ => {}
            }
        }
        ends.push(tokens.len());
        for end in ends {
            self.condition(&tokens[start.min(end)..end], wanted);
            start = end + 1;
        }
        Some(())
    }

    fn condition(&self, tokens: &[Token], wanted: &mut Wanted) {
        // A pair of columns compared by size: (at, id) < ($2, $3).
        if is_sign(tokens, 0, '(') {
            let mut at = 1;
            let mut columns = Vec::new();
            while let Some((column, length)) = tokens.get(at..).and_then(|rest| self.column(rest)) {
                columns.push(column.to_owned());
                at += length;
                if is_sign(tokens, at, ',') {
                    at += 1;
                }
            }
            let compares = is_sign(tokens, at + 1, '<') || is_sign(tokens, at + 1, '>');
            if is_sign(tokens, at, ')') && compares {
                wanted.range.extend(columns);
            }
            return;
        }
        let Some((column, at)) = self.column(tokens) else {
            return;
        };
        let column = column.to_owned();
        let value = |at: usize| {
            matches!(tokens.get(at), Some(Token::Value)) || word(tokens, at) == Some("any")
        };
        match tokens.get(at) {
            Some(Token::Sign('=')) if value(at + 1) => wanted.equal.push(column),
            Some(Token::Word(w)) if w == "in" => wanted.equal.push(column),
            Some(Token::Word(w)) if w == "between" => wanted.range.push(column),
            Some(Token::Sign('<' | '>')) if !is_sign(tokens, at + 1, '>') => {
                let from = at + 1 + usize::from(is_sign(tokens, at + 1, '='));
                if value(from) {
                    wanted.range.push(column);
                }
            }
            _ => {}
        }
    }

    fn order(&self, tokens: &[Token], wanted: &mut Wanted) {
        for part in tokens.split(|t| *t == Token::Sign(',')) {
            let Some((column, length)) = self.column(part) else {
                wanted.order.clear();
                return;
            };
            let down = match word(part, length) {
                None if part.len() == length => false,
                Some("asc") => false,
                Some("desc") => true,
                _ => {
                    wanted.order.clear();
                    return;
                }
            };
            wanted.order.push((column.to_owned(), down));
        }
    }
}

impl Wanted {
    /// The statement that makes the index: equal columns first, then what is compared by size, else the order. `None`
    /// where nothing could be looked up, or a column is not the table's.
    pub(super) fn index(&self, table: &str, columns: &[String]) -> Option<Index> {
        let mut keys: Vec<(String, bool)> = Vec::new();
        let mut add = |column: &str, down: bool| {
            if !keys.iter().any(|(known, _)| known == column) {
                keys.push((column.to_owned(), down));
            }
        };
        self.equal.iter().for_each(|column| add(column, false));
        let ordered_by_range = match (self.range.first(), self.order.first()) {
            (Some(range), Some((order, _))) => range == order,
            (None, Some(_)) => self.limited,
            _ => false,
        };
        if ordered_by_range {
            self.order
                .iter()
                .for_each(|(column, down)| add(column, *down));
        } else if let Some(first) = self.range.first() {
            add(first, false);
        }
        let known = keys.iter().all(|(key, _)| columns.contains(key));
        (known && !keys.is_empty()).then(|| Index {
            table: table.to_owned(),
            keys,
        })
    }
}

/// An index that ought to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    table: String,
    keys: Vec<(String, bool)>,
}

impl Index {
    /// Whether an index over these columns does as well.
    pub(super) fn is_served_by(&self, columns: &[String]) -> bool {
        self.keys
            .iter()
            .zip(columns)
            .take_while(|((key, _), column)| key == *column)
            .count()
            == self.keys.len()
    }

    /// As SQL that both engines take.
    pub(super) fn sql(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|(key, _)| key.as_str()).collect();
        // All the same way round, an index is read backwards as well.
        let mixed = self.keys.iter().any(|(_, down)| *down)
            && self.keys.iter().rev().take_while(|(_, down)| *down).count()
                != self.keys.iter().filter(|(_, down)| *down).count();
        let last_down = self.keys.last().is_some_and(|(_, down)| *down);
        let shown: Vec<String> = self
            .keys
            .iter()
            .map(|(key, down)| {
                if *down && (mixed || last_down) {
                    format!("{key} DESC")
                } else {
                    key.clone()
                }
            })
            .collect();
        let (table, columns) = (&self.table, shown.join(", "));
        let mut name = format!("{table}_{}", names.join("_"));
        // PostgreSQL cuts longer names off.
        name.truncate(63);
        format!("CREATE INDEX {name} ON {table} ({columns})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(text: &str, table: &str) -> Option<String> {
        let columns = ["tenant_id", "id", "a", "b", "at", "status"].map(str::to_owned);
        let index = wanted(text, table)?.index(table, &columns)?;
        Some(index.sql())
    }

    #[test]
    fn equal_columns_come_first_then_what_is_compared_or_ordered() {
        for (text, expected) in [
            (
                "SELECT id FROM t WHERE tenant_id = $1 AND a = $2",
                "(tenant_id, a)",
            ),
            (
                "SELECT x.id FROM t AS x JOIN u ON u.id = x.a WHERE x.tenant_id = $1 AND u.b = 1 AND x.status IN ('a', 'b')",
                "(tenant_id, status)",
            ),
            (
                "SELECT id FROM t WHERE at >= $2 AND at < $3 AND tenant_id = $1",
                "(tenant_id, at)",
            ),
            (
                "SELECT id FROM t WHERE tenant_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4",
                "(tenant_id, at DESC, id DESC)",
            ),
            (
                "SELECT id FROM t WHERE tenant_id = $1 ORDER BY at, id LIMIT 21",
                "(tenant_id, at, id)",
            ),
            (
                "SELECT id FROM t WHERE tenant_id = $1 ORDER BY at",
                "(tenant_id)",
            ),
            (
                r#"SELECT "id" FROM "t" WHERE "tenant_id" = $1 AND "a" = ANY($2) ORDER BY "b" ASC LIMIT 5"#,
                "(tenant_id, a, b)",
            ),
            (
                "UPDATE t SET a = 1 WHERE b = $1 AND a BETWEEN 1 AND 2",
                "(b, a)",
            ),
            (
                "DELETE FROM t WHERE id IN (SELECT id FROM u WHERE a = 1 OR b = 2)",
                "(id)",
            ),
            (
                "SELECT count(*) FROM u WHERE id = (SELECT max(id) FROM t WHERE a = $1::bigint)",
                "(a)",
            ),
        ] {
            let made = advice(text, "t");
            assert!(
                made.as_ref().is_some_and(|sql| sql.ends_with(expected)),
                "{text}: {made:?}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_not_advised_on() {
        for text in [
            "SELECT id FROM t WHERE a = $1 OR b = $2",
            "SELECT id FROM t WHERE lower(a) = $1",
            "SELECT id FROM t",
            "SELECT t.id FROM t JOIN t AS u ON u.a = t.b WHERE t.a = 1",
            "SELECT id FROM t WHERE unknown = $1",
        ] {
            assert_eq!(advice(text, "t"), None, "{text}");
        }
    }
}
