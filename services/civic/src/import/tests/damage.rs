//! Files that are broken, and how much of them is lost.

use std::io::{self, Read};

use super::super::{FileError, Options, Outcome, Reader, RowCode};
use super::{boston, ids, read_all};

const HEADER: &str = "external_id,submitted_at,description\n";

fn row(id: u32) -> String {
    format!("{id},2024-01-01T00:00:00Z,A lamp is broken\n")
}

#[test]
fn an_open_quote_costs_its_own_line_only() {
    let text = format!(
        "{HEADER}{}2,2024-01-01T00:00:00Z,\"never closed\n{}{}",
        row(1),
        row(3),
        row(4)
    );
    let all = read_all(text.as_bytes(), boston()).unwrap();
    assert_eq!(ids(&all), ["1", "quote_broken", "3", "4"]);
    let Outcome::Failed(error) = &all[1] else {
        panic!("{all:?}")
    };
    assert_eq!(error.raw, "2,2024-01-01T00:00:00Z,\"never closed");
}

#[test]
fn a_quote_that_is_not_doubled_costs_its_own_line_only() {
    let text = format!(
        "{HEADER}1,2024-01-01T00:00:00Z,\"the \"old\" lamp\"\n{}",
        row(2)
    );
    assert_eq!(
        ids(&read_all(text.as_bytes(), boston()).unwrap()),
        ["quote_broken", "2"]
    );
}

#[test]
fn an_open_quote_that_meets_the_next_one_does_not_take_the_row_between() {
    let text = format!(
        "{HEADER}1,2024-01-01T00:00:00Z,\"open\n{}3,2024-01-01T00:00:00Z,\"well quoted text\"\n{}",
        row(2),
        row(4)
    );
    assert_eq!(
        ids(&read_all(text.as_bytes(), boston()).unwrap()),
        ["quote_broken", "2", "3", "4"]
    );
}

#[test]
fn too_many_and_too_few_fields_are_said() {
    let text = format!(
        "{HEADER}1,2024-01-01T00:00:00Z,A lamp, broken\n2\n{}",
        row(3)
    );
    assert_eq!(
        ids(&read_all(text.as_bytes(), boston()).unwrap()),
        ["field_count", "field_count", "3"]
    );
}

#[test]
fn a_record_over_the_limit_is_passed_over_within_bounded_memory() {
    let options = Options {
        max_record: 1_000,
        ..boston()
    };
    let long = "x".repeat(300_000);
    let text = format!("{HEADER}{}{long}\n{}\"{long}\n{}", row(1), row(2), row(3));
    let all = read_all(text.as_bytes(), options).unwrap();
    assert_eq!(
        ids(&all),
        ["1", "record_too_long", "2", "quote_broken", "3"]
    );
    let Outcome::Failed(error) = &all[1] else {
        panic!("{all:?}")
    };
    assert_eq!(error.raw.len(), 2_000);
}

/// Every line opens a quote for the next one: without a bound on the fields each would be read to the limit.
#[test]
fn a_file_full_of_open_quotes_is_read_in_one_pass_or_nearly() {
    let text = format!("{HEADER}{}", "a\",\"b\n".repeat(50_000));
    let mut reader = Reader::open(text.as_bytes(), boston()).unwrap();
    let mut count = 0_u64;
    while let Some(outcome) = reader.next_row().unwrap() {
        assert!(matches!(outcome, Outcome::Failed(_)));
        count += 1;
    }
    assert_eq!(count, 50_000);
}

#[test]
fn packings_other_than_gzip_and_other_charsets_are_named() {
    for (bytes, word) in [
        (&[0x28, 0xb5, 0x2f, 0xfd, 0, 0][..], "zstd"),
        (b"PK\x03\x04abcd", "zip"),
        (b"BZh91AY", "bzip2"),
        (&[0xff, 0xfe, b'a', 0], "UTF-16"),
    ] {
        let error = Reader::open(bytes, boston()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn empty_and_headless_files_say_what_is_missing() {
    for bytes in [&b""[..], b"\n \r\n", b"\xef\xbb\xbf"] {
        assert!(matches!(
            Reader::open(bytes, boston()).unwrap_err(),
            FileError::Empty
        ));
    }
    let error = Reader::open(&b"1,2,3\n4,5,6\n"[..], boston()).unwrap_err();
    assert_eq!(error.code(), "civic.import_column_missing");
    let error = Reader::open(&b"submitted_at,description\r1,2\r"[..], boston()).unwrap_err();
    assert_eq!(error.code(), "civic.import_header_invalid");
    let error = Reader::open(&b"submitted_at,\"description\n1,2\n"[..], boston()).unwrap_err();
    assert_eq!(error.code(), "civic.import_header_invalid");
}

struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let text = format!("{HEADER}{}{}", row(1), row(2));
        let left = &text.as_bytes()[self.0.min(text.len())..];
        if left.is_empty() {
            return Err(io::Error::other("the line went dead"));
        }
        let count = left.len().min(buf.len()).min(7);
        buf[..count].copy_from_slice(&left[..count]);
        self.0 += count;
        Ok(count)
    }
}

#[test]
fn a_source_that_fails_ends_the_file_with_the_rows_before_it_kept() {
    let mut reader = Reader::open(Breaks(0), boston()).unwrap();
    for _ in 0..2 {
        assert!(matches!(reader.next_row().unwrap(), Some(Outcome::Row(_))));
    }
    assert_eq!(
        reader.next_row().unwrap_err().code(),
        "civic.import_unreadable"
    );
}

#[test]
fn a_row_code_is_the_word_that_is_serialized() {
    for code in [
        RowCode::QuoteBroken,
        RowCode::FieldCount,
        RowCode::DescriptionTooShort,
        RowCode::TimestampInvalid,
    ] {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}
