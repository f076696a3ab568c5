//! Stopping and going on, plain and packed.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::{Checkpoint, Outcome, Reader};
use super::boston;

const FILE: &str = "\u{feff}external_id,submitted_at,description\r
1,2024-01-01T00:00:00Z,\"A lamp,\r
is broken\"\r
\r
2,2024-01-01T00:00:00Z,\"open\r
3,2024-01-01T00:00:00Z,Another lamp is broken\r
4,2024-01-01T00:00:00Z,Ein Lämpchen ist aus";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn rest<R: std::io::Read>(reader: &mut Reader<R>) -> Vec<(Outcome, Checkpoint)> {
    let mut all = Vec::new();
    while let Some(outcome) = reader.next_row().unwrap() {
        all.push((outcome, reader.checkpoint()));
    }
    all
}

#[test]
fn an_import_goes_on_exactly_after_any_row() {
    let packed = gzip(FILE.as_bytes());
    let mut reader = Reader::open(FILE.as_bytes(), boston()).unwrap();
    let start = reader.checkpoint();
    let all = rest(&mut reader);
    assert_eq!(all.len(), 4);
    assert_eq!(all[3].1.offset, FILE.len() as u64);
    let places = std::iter::once(start).chain(all.iter().map(|(_, place)| *place));
    for (done, place) in places.enumerate() {
        assert_eq!(place.rows, done as u64);
        let mut plain = Reader::resume(FILE.as_bytes(), boston(), place).unwrap();
        assert_eq!(plain.checkpoint(), place);
        assert_eq!(rest(&mut plain), all[done..]);
        let mut unpacked = Reader::resume(packed.as_slice(), boston(), place).unwrap();
        assert_eq!(rest(&mut unpacked), all[done..]);
    }
}

#[test]
fn another_file_is_not_gone_on_with() {
    let mut reader = Reader::open(FILE.as_bytes(), boston()).unwrap();
    reader.next_row().unwrap();
    let place = reader.checkpoint();
    let other = FILE.replace("external_id", "External_ID");
    for (text, place) in [
        (other.as_str(), place),
        (
            FILE,
            Checkpoint {
                offset: place.offset - 1,
                ..place
            },
        ),
        (FILE, Checkpoint { offset: 3, ..place }),
        (
            FILE,
            Checkpoint {
                offset: 1_000_000,
                ..place
            },
        ),
    ] {
        let error = Reader::resume(text.as_bytes(), boston(), place).unwrap_err();
        assert_eq!(error.code(), "civic.import_checkpoint_invalid");
    }
}

#[test]
fn a_cut_off_gzip_file_gives_its_rows_and_then_says_so() {
    let mut text = FILE.replace("\"open", "A third lamp is broken");
    for id in 5..5_000 {
        write!(
            text,
            "\r\n{id},2024-01-01T00:00:00Z,Lamp number {} is broken",
            id * 7_919 % 4_999
        )
        .unwrap();
    }
    let packed = gzip(text.as_bytes());
    let mut reader = Reader::open(&packed[..packed.len() / 2], boston()).unwrap();
    let error = loop {
        match reader.next_row() {
            Ok(outcome) => assert!(outcome.is_some(), "the damage must not look like the end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "civic.import_gzip_broken");
    assert!(
        reader.counts().read > 100,
        "{:?} {error:?}",
        reader.counts()
    );
}

#[test]
fn a_checkpoint_survives_its_json() {
    let place = Checkpoint {
        offset: 9,
        rows: 2,
        header: 77,
    };
    let text = serde_json::to_string(&place).unwrap();
    assert_eq!(serde_json::from_str::<Checkpoint>(&text).unwrap(), place);
}
