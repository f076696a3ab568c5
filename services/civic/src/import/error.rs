//! What can be wrong with a file, and what can be wrong with one row of it.

use std::fmt;

use serde::Serialize;

use super::layout::Preset;

/// Characters of a refused row that are kept for its error.
pub(super) const RAW_CHARS: usize = 2_000;

/// Why a file cannot be read, or not to its end.
///
/// Rows handed out before the error stay valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The bytes could not be had.
    #[error("the file cannot be read after byte {offset}")]
    Read {
        /// Bytes of the (unpacked) file that were read before.
        offset: u64,
        /// What the source said.
        #[source]
        source: std::io::Error,
    },
    /// The gzip stream is damaged or cut off.
    #[error(
        "the gzip data is damaged or cut off after {offset} unpacked bytes; upload the file again"
    )]
    Gzip {
        /// Unpacked bytes before the damage.
        offset: u64,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// A packing that is not supported.
    #[error("the file is packed as {0}; send it plain or packed with gzip")]
    Packing(&'static str),
    /// Nothing but white space.
    #[error("the file is empty; a header line with the column names is needed")]
    Empty,
    /// Text in a character set that is not supported, or a header that is not UTF-8.
    #[error(
        "the file is not UTF-8 ({0}); save it as UTF-8, or say charset=windows-1252 if that is what it is"
    )]
    Charset(&'static str),
    /// The header line cannot be taken apart.
    #[error("the header line cannot be read: {0}")]
    Header(String),
    /// A JSON document, but not one object on each line.
    #[error(
        "the file is JSON but not NDJSON; put one object on each line, without an enclosing list"
    )]
    NotNdjson,
    /// NDJSON is understood in the native layout only.
    #[error("NDJSON is read in the layout `native` only, not `{0}`; use CSV or rename the members")]
    NdjsonPreset(Preset),
    /// A column that every row needs is not there.
    #[error("{}", missing_text(.candidates))]
    ColumnMissing {
        /// The layouts that come nearest, best first, each with the columns that it lacks.
        candidates: Vec<(Preset, Vec<&'static str>)>,
    },
    /// A column that is read stands twice in the header.
    #[error("the column `{0}` stands in the header more than once; remove or rename one")]
    ColumnRepeated(String),
    /// The place to go on from does not belong to this file.
    #[error("the import cannot go on in this file: {0}")]
    Checkpoint(&'static str),
}

impl FileError {
    /// The stable word for this failure; never renamed.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "civic.import_unreadable",
            Self::Gzip { .. } => "civic.import_gzip_broken",
            Self::Packing(_) => "civic.import_packing_unsupported",
            Self::Empty => "civic.import_empty",
            Self::Charset(_) => "civic.import_charset_invalid",
            Self::Header(_) => "civic.import_header_invalid",
            Self::NotNdjson => "civic.import_not_ndjson",
            Self::NdjsonPreset(_) => "civic.import_preset_invalid",
            Self::ColumnMissing { .. } => "civic.import_column_missing",
            Self::ColumnRepeated(_) => "civic.import_column_repeated",
            Self::Checkpoint(_) => "civic.import_checkpoint_invalid",
        }
    }
}

fn missing_text(candidates: &[(Preset, Vec<&'static str>)]) -> String {
    let each: Vec<String> = candidates
        .iter()
        .map(|(preset, columns)| format!("`{preset}` needs `{}`", columns.join("`, `")))
        .collect();
    format!("a required column is missing: {}", each.join("; or "))
}

/// Why one row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RowCode {
    /// A quote is left open or followed by stray text.
    QuoteBroken,
    /// More or fewer fields than the header has columns.
    FieldCount,
    /// Longer than the limit on one record.
    RecordTooLong,
    /// Not in the file's character set.
    EncodingInvalid,
    /// A line of NDJSON that is not an object.
    JsonInvalid,
    /// The source's id is missing or longer than 128 characters.
    ExternalIdInvalid,
    /// A time is missing or cannot be read.
    TimestampInvalid,
    /// Fewer than 10 characters, even when composed.
    DescriptionTooShort,
    /// More than 4,000 characters.
    DescriptionTooLong,
    /// More than 255 characters.
    LocationTooLong,
}

impl RowCode {
    /// The stable word; never renamed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuoteBroken => "quote_broken",
            Self::FieldCount => "field_count",
            Self::RecordTooLong => "record_too_long",
            Self::EncodingInvalid => "encoding_invalid",
            Self::JsonInvalid => "json_invalid",
            Self::ExternalIdInvalid => "external_id_invalid",
            Self::TimestampInvalid => "timestamp_invalid",
            Self::DescriptionTooShort => "description_too_short",
            Self::DescriptionTooLong => "description_too_long",
            Self::LocationTooLong => "location_too_long",
        }
    }
}

impl fmt::Display for RowCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A row that was read and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Data rows are counted from 1; blank lines and the header are not rows.
    pub row_no: u64,
    /// The stable reason.
    pub code: RowCode,
    /// What to mend, in words.
    pub message: String,
    /// The row as it stands in the file, at most its first 2,000 characters.
    pub raw: String,
}

/// Why a record was refused, before its number and text are known.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: RowCode,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: RowCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
