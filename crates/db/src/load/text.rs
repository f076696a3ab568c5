//! The texts of a load, put together at compile time: the macro knows the table, only the compiler knows the columns.

use crate::value::Kind;

/// Stands for the row's columns.
const COLUMNS: u8 = 1;
/// Stands for what depends on the type of the key.
const KEY: u8 = 2;

/// The name under which a row tells its key.
const KEY_COLUMN: &str = "brisk_key";

/// What a key's array is on PostgreSQL.
pub const fn postgres_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Int4 | Kind::Int8 => "int8",
        Kind::Text => "text",
        Kind::Uuid => "uuid",
        _ => unreachable!(),
    }
}

/// How a key comes out of a JSON array on SQLite; UUIDs are blobs there.
pub const fn sqlite_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Int4 | Kind::Int8 | Kind::Text => "value",
        Kind::Uuid => "unhex(value)",
        _ => unreachable!(),
    }
}

/// The length of what [`fill`] makes.
pub const fn length(template: &str, columns: &[&str], key: &str) -> usize {
    let mut length = 0;
    let mut at = 0;
    while at < template.len() {
        length += match template.as_bytes()[at] {
            COLUMNS => joined(columns),
            KEY => key.len(),
            _ => 1,
        };
        at += 1;
    }
    length
}

/// `template` with the columns and the key's part in their places.
pub const fn fill<const N: usize>(template: &str, columns: &[&str], key: &str) -> [u8; N] {
    let mut text = [0; N];
    let mut end = 0;
    let mut at = 0;
    while at < template.len() {
        match template.as_bytes()[at] {
            COLUMNS => {
                let mut i = 0;
                while i < columns.len() {
                    if i > 0 {
                        end = put(&mut text, end, ", ");
                    }
                    end = put(&mut text, end, columns[i]);
                    i += 1;
                }
            }
            KEY => end = put(&mut text, end, key),
            byte => {
                text[end] = byte;
                end += 1;
            }
        }
        at += 1;
    }
    text
}

const fn put(text: &mut [u8], end: usize, part: &str) -> usize {
    let mut i = 0;
    while i < part.len() {
        text[end + i] = part.as_bytes()[i];
        i += 1;
    }
    end + i
}

const fn joined(columns: &[&str]) -> usize {
    let mut length = 2 * columns.len().saturating_sub(1);
    let mut i = 0;
    while i < columns.len() {
        length += columns[i].len();
        i += 1;
    }
    length
}

/// The row's columns, and the key behind them.
pub const fn with_key<const N: usize>(columns: &[&'static str]) -> [&'static str; N] {
    let mut all = [KEY_COLUMN; N];
    let mut i = 0;
    while i < columns.len() {
        all[i] = columns[i];
        i += 1;
    }
    all
}

/// What [`fill`] has made.
pub const fn utf8(text: &'static [u8]) -> &'static str {
    match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(_) => unreachable!(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_key_stand_where_the_template_wants_them() {
        const TEXT: &str = "SELECT \u{1}, k FROM \u{2} (\u{1}) é";
        const ROW: &[&str] = &["id", "name"];
        const MADE: &[u8] = &fill::<{ length(TEXT, ROW, "uuid") }>(TEXT, ROW, "uuid");
        assert_eq!(utf8(MADE), "SELECT id, name, k FROM uuid (id, name) é");
        assert_eq!(with_key::<3>(ROW), ["id", "name", "brisk_key"]);
    }
}
