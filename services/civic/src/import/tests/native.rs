//! Our own layout, as CSV in its variants and as NDJSON.

use super::super::{
    Charset, FileError, Format, Options, Outcome, Preset, Reader, RowCode, RowStatus,
};
use super::{boston, errors, read_all, rows};
use crate::model::Category;

#[test]
fn the_delimiter_is_taken_from_the_header_and_a_mark_is_passed_over() {
    for (text, delimiter) in [
        (
            "\u{feff}submitted_at,description,lat,lon\n2024-01-01T00:00:00Z,\"Lamp, broken since May\",1,2\n",
            b',',
        ),
        (
            "submitted_at;description\r\n2024-01-01T00:00:00Z;Lamp, broken since May\r\n",
            b';',
        ),
        (
            "\n\n submitted_at\tdescription\n\n2024-01-01T00:00:00Z\tLamp, broken since May",
            b'\t',
        ),
    ] {
        let reader = Reader::open(text.as_bytes(), boston()).unwrap();
        assert_eq!(reader.layout().format(), Format::Csv(delimiter));
        assert_eq!(rows(text)[0].description, "Lamp, broken since May");
    }
}

#[test]
fn a_quoted_field_may_hold_quotes_delimiters_and_line_ends() {
    let rows = rows(
        "external_id,submitted_at,description\n1,2024-01-01T00:00:00Z,\"He said \"\"now\"\",\r\nthen left\"\n2,2024-01-01T00:00:00Z,Another lamp is out\n",
    );
    assert_eq!(rows[0].description, "He said \"now\",\nthen left");
    assert_eq!(
        (rows[1].row_no, rows[1].external_id.as_deref()),
        (2, Some("2"))
    );
}

#[test]
fn another_charset_is_refused_until_it_is_named() {
    let bytes = b"submitted_at,description\n2024-01-01T00:00:00Z,Stra\xdfe \x93gesperrt\x94\n2024-01-01T00:00:00Z,Plain ASCII text\n";
    let all = read_all(bytes, boston()).unwrap();
    let [Outcome::Failed(error), Outcome::Row(_)] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(error.code, RowCode::EncodingInvalid);
    assert!(error.message.contains("windows-1252"));
    let charset = Charset::parse("Windows-1252").unwrap();
    let all = read_all(
        bytes,
        Options {
            charset,
            ..boston()
        },
    )
    .unwrap();
    let Outcome::Row(row) = &all[0] else {
        panic!("{all:?}")
    };
    assert_eq!(row.description, "Straße “gesperrt”");
}

#[test]
fn ndjson_is_the_native_layout_and_keeps_other_members() {
    let text = r#"{"external_id": 17, "submitted_at":"2024-01-01T00:00:00Z","description":"Loud music all night","category":"noise","lat":42.5,"lon":-71,"status":"in-progress","resolved_at":null,"attributes":{"floor":3},"crew":"B"}

{"submitted_at":"2024-01-01T00:00:00Z","description":["no"]}
not json
[1]
{"submitted_at":"2024-01-01T00:00:00Z","description":"Second good line"}"#;
    let all = read_all(text.as_bytes(), boston()).unwrap();
    let [
        Outcome::Row(row),
        Outcome::Failed(listed),
        Outcome::Failed(word),
        Outcome::Failed(array),
        Outcome::Row(last),
    ] = all.as_slice()
    else {
        panic!("{all:?}")
    };
    assert_eq!(row.external_id.as_deref(), Some("17"));
    assert_eq!((row.lat, row.lon), (Some(42.5), Some(-71.0)));
    assert_eq!(
        (row.category, row.status),
        (Some(Category::Noise), RowStatus::InProgress)
    );
    assert_eq!(row.attributes["floor"], 3);
    assert_eq!(row.attributes["crew"], "B");
    assert!(listed.message.contains("`description`"));
    for error in [listed, word, array] {
        assert_eq!(error.code, RowCode::JsonInvalid);
    }
    assert_eq!(last.row_no, 5);
}

#[test]
fn ndjson_with_another_preset_and_a_json_list_are_file_errors() {
    let options = Options {
        preset: Some(Preset::Nyc311),
        ..boston()
    };
    let error = Reader::open(&b"{\"a\":1}\n"[..], options).unwrap_err();
    assert!(matches!(error, FileError::NdjsonPreset(Preset::Nyc311)));
    let error = Reader::open(&b"[{\"a\":1}]\n"[..], boston()).unwrap_err();
    assert_eq!(error.code(), "civic.import_not_ndjson");
}

#[test]
fn texts_outside_of_their_limits_fail_the_row() {
    let long = "x".repeat(4_001);
    let most = "ß".repeat(4_000);
    let place = "y".repeat(256);
    let id = "z".repeat(129);
    let text = format!(
        "external_id,submitted_at,description,location\n1,2024-01-01,short,\n2,2024-01-01,{long},\n3,2024-01-01,{most},\n4,2024-01-01,Long enough text,{place}\n{id},2024-01-01,Long enough text,\n6,soon,Long enough text,\n"
    );
    let found: Vec<(u64, RowCode)> = errors(&text)
        .iter()
        .map(|error| (error.row_no, error.code))
        .collect();
    assert_eq!(
        found,
        [
            (1, RowCode::DescriptionTooShort),
            (2, RowCode::DescriptionTooLong),
            (4, RowCode::LocationTooLong),
            (5, RowCode::ExternalIdInvalid),
            (6, RowCode::TimestampInvalid),
        ]
    );
    assert!(errors(&text)[1].raw.chars().count() == 2_000);
}

#[test]
fn an_unknown_status_word_is_settled_by_the_closing_time() {
    let rows = rows(
        "submitted_at,description,status,resolved_at\n2024-01-01,Long enough text,Quux,2024-01-02\n2024-01-01,Long enough text,Quux,\n",
    );
    assert_eq!(
        (rows[0].status, rows[1].status),
        (RowStatus::Closed, RowStatus::Open)
    );
    assert_eq!(rows[0].external_status.as_deref(), Some("Quux"));
    assert!(rows[0].attributes.contains_key("import_notes"));
}
