//! A scanner for SQL text: it knows literals, quoted names and comments, and what stands outside them.

/// One piece of a statement.
pub(crate) enum Piece<'a> {
    /// Text that is passed on as it is.
    Text(&'a str),
    /// `$n`.
    Parameter(usize),
    /// A bare word.
    Word(&'a str),
}

/// Splits `sql` into pieces.
pub(crate) fn scan(sql: &str) -> Vec<Piece<'_>> {
    let bytes = sql.as_bytes();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += 1;
                }
                at = (at + 1).min(bytes.len());
                pieces.push(Piece::Text(&sql[start..at]));
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
                pieces.push(Piece::Text(&sql[start..at]));
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = sql[at..].find("*/").map_or(bytes.len(), |end| at + end + 2);
                pieces.push(Piece::Text(&sql[start..at]));
            }
            b'$' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at += 1;
                while at < bytes.len() && bytes[at].is_ascii_digit() {
                    at += 1;
                }
                pieces.push(Piece::Parameter(
                    sql[start + 1..at].parse().unwrap_or(usize::MAX),
                ));
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
                pieces.push(Piece::Word(&sql[start..at]));
            }
            _ => {
                at += 1;
                while at < bytes.len() && !sql.is_char_boundary(at) {
                    at += 1;
                }
                pieces.push(Piece::Text(&sql[start..at]));
            }
        }
    }
    pieces
}

/// The text for SQLite: `$n`, which would be a name there, becomes `?n`.
pub(crate) fn for_sqlite(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    for piece in scan(sql) {
        match piece {
            Piece::Text(text) | Piece::Word(text) => out.push_str(text),
            Piece::Parameter(n) => {
                out.push('?');
                out.push_str(&n.to_string());
            }
        }
    }
    out
}

/// The numbers of all parameters in the text, without repeats, ascending.
pub(crate) fn parameters(sql: &str) -> Vec<usize> {
    let mut numbers: Vec<usize> = scan(sql)
        .iter()
        .filter_map(|p| {
            if let Piece::Parameter(n) = p {
                Some(*n)
            } else {
                None
            }
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Whether the statement may change anything.
pub(crate) fn writes(sql: &str) -> bool {
    const CHANGES: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "COPY", "MERGE"];
    let mut words = scan(sql).into_iter().filter_map(|p| {
        if let Piece::Word(w) = p {
            Some(w)
        } else {
            None
        }
    });
    match words.next() {
        Some(first)
            if first.eq_ignore_ascii_case("SELECT") || first.eq_ignore_ascii_case("VALUES") =>
        {
            false
        }
        Some(first) if first.eq_ignore_ascii_case("WITH") => {
            words.any(|w| CHANGES.iter().any(|c| w.eq_ignore_ascii_case(c)))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_change_only_outside_literals() {
        assert_eq!(
            for_sqlite("SELECT '$1', \"$2\" -- $3\n, $12 + $1"),
            "SELECT '$1', \"$2\" -- $3\n, ?12 + ?1"
        );
        assert_eq!(parameters("SELECT '$9', $2, $1, $2"), [1, 2]);
        assert_eq!(parameters("SELECT /* don't use $3 */ $1 / $2"), [1, 2]);
    }

    #[test]
    fn reads_and_writes_are_told_apart() {
        assert!(!writes(" SELECT 'DELETE' FROM t"));
        assert!(!writes("WITH a AS (SELECT 1) SELECT * FROM a"));
        assert!(writes(
            "WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a"
        ));
        assert!(writes("UPDATE t SET a = 1"));
    }
}
