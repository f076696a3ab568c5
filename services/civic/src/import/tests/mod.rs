//! The reader as a whole, on small files written for the purpose.

mod arbitrary;
mod damage;
mod layouts;
mod native;
mod places;

use jiff::tz::TimeZone;

use super::{FileError, ImportRow, Options, Outcome, Reader, RowError};

fn boston() -> Options {
    Options::new(TimeZone::get("America/New_York").unwrap())
}

fn read_all(bytes: &[u8], options: Options) -> Result<Vec<Outcome>, FileError> {
    let mut reader = Reader::open(bytes, options)?;
    let mut all = Vec::new();
    while let Some(outcome) = reader.next_row()? {
        all.push(outcome);
    }
    let counts = reader.counts();
    assert_eq!(counts.read, counts.rows + counts.failed);
    assert_eq!(counts.read, all.len() as u64);
    Ok(all)
}

fn rows(text: &str) -> Vec<ImportRow> {
    read_all(text.as_bytes(), boston())
        .unwrap()
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Row(row) => *row,
            Outcome::Failed(error) => panic!("{error:?}"),
        })
        .collect()
}

fn errors(text: &str) -> Vec<RowError> {
    read_all(text.as_bytes(), boston())
        .unwrap()
        .into_iter()
        .filter_map(|outcome| match outcome {
            Outcome::Row(_) => None,
            Outcome::Failed(error) => Some(error),
        })
        .collect()
}

fn ids(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Row(row) => row.external_id.as_deref().unwrap_or("-"),
            Outcome::Failed(error) => error.code.as_str(),
        })
        .collect()
}
