//! Whatever the bytes: no panic, an end, and every row accounted for.

use std::fmt::Write as _;
use std::io::Read;

use proptest::prelude::*;

use super::super::{Outcome, Reader};
use super::{Options, boston, read_all};

/// Hands out a few bytes at a time, so that every boundary falls on the edge of a buffer once.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(self.1).min(buf.len());
        buf[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn small() -> Options {
    Options {
        max_record: 200,
        ..boston()
    }
}

const HEADERS: [&str; 6] = [
    "submitted_at,description,lat,lon,external_id,status,resolved_at,location",
    "service_request_id,requested_datetime,service_name",
    "Unique Key;Created Date;Complaint Type;Status;Closed Date;Latitude;Longitude",
    "case_enquiry_id\topen_dt\tcase_title\tcase_status\tclosed_dt\tlatitude\tlongitude\tontime",
    "case_id,open_date,close_date,case_topic,service_name,case_status,zip_code",
    "requestid,datetimeinit,problemcode,status,datetimeclosed,srx,sry,datecancelled",
];

/// Pieces that matter to a reader, mixed at random.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b",".to_vec()),
        2 => Just(b";".to_vec()),
        2 => Just(b"\t".to_vec()),
        3 => Just(b"\"".to_vec()),
        1 => Just(b"\"\"".to_vec()),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        2 => Just(b"2011-11-06 01:30:00".to_vec()),
        1 => Just(b"2026-01-01 10:00:00.5+00".to_vec()),
        1 => Just(b"05/01/2022 12:00:03 AM".to_vec()),
        1 => Just("Größer als zehn".as_bytes().to_vec()),
        1 => Just(b"101".to_vec()),
        1 => Just(b"-0.0".to_vec()),
        1 => Just(b"NA".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(read_all(&bytes, small()));
    }

    #[test]
    fn damaged_gzip_never_panics(body in body(), cut in 0_usize..80, flip in 10_usize..80) {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(HEADERS[0].as_bytes()).unwrap();
        encoder.write_all(b"\n").unwrap();
        encoder.write_all(&body).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.truncate(packed.len().saturating_sub(cut));
        if let Some(byte) = packed.get_mut(flip) {
            *byte ^= 0x55;
        }
        drop(read_all(&packed, small()));
    }

    #[test]
    fn rows_and_errors_add_up_however_the_bytes_arrive(which in 0..HEADERS.len(), body in body(), step in 1_usize..9) {
        let bytes = [HEADERS[which].as_bytes(), b"\n", &body].concat();
        let whole = read_all(&bytes, small()).unwrap();
        let mut reader = Reader::open(Drip(&bytes, step), small()).unwrap();
        let mut dripped = Vec::new();
        while let Some(outcome) = reader.next_row().unwrap() {
            dripped.push(outcome);
        }
        prop_assert_eq!(&whole, &dripped);
        prop_assert_eq!(reader.checkpoint().offset, bytes.len() as u64);
        for (number, outcome) in (1..).zip(&whole) {
            match outcome {
                Outcome::Row(row) => {
                    prop_assert_eq!(row.row_no, number);
                    prop_assert_eq!(row.lat.is_some(), row.lon.is_some());
                    prop_assert!((10..=4_000).contains(&row.description.chars().count()));
                }
                Outcome::Failed(error) => {
                    prop_assert_eq!(error.row_no, number);
                    prop_assert!(error.raw.chars().count() <= 2_000);
                }
            }
        }
    }

    #[test]
    fn what_is_well_quoted_comes_back_as_written(
        texts in proptest::collection::vec("[ -~äß\n\"]{10,60}", 1..8),
    ) {
        let mut file = "submitted_at,description\n".to_owned();
        for text in &texts {
            writeln!(file, "2024-01-01T00:00:00Z,\"x{}y\"", text.replace('"', "\"\"")).unwrap();
        }
        let read = read_all(file.as_bytes(), boston()).unwrap();
        prop_assert_eq!(read.len(), texts.len());
        for (outcome, text) in read.iter().zip(&texts) {
            let Outcome::Row(row) = outcome else { panic!("{outcome:?}") };
            prop_assert_eq!(&row.description, &format!("x{text}y"));
        }
    }
}
