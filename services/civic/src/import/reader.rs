//! The reader: one call, one row.

use std::io::Read;

use csv_core::{ReadRecordResult, Terminator};
use flate2::Crc;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::error::{Fault, FileError, RAW_CHARS, RowCode, RowError};
use super::kinds::Kinds;
use super::layout::{Format, Layout, Preset};
use super::ndjson;
use super::row::ImportRow;
use super::source::{Charset, Source};
use super::split::{Piece, Splitter};
use super::text::head;
use super::translate::Record;

/// Columns that a header has at most.
const MAX_COLUMNS: usize = 1_000;

/// Bytes in which the delimiter is looked for.
const HEADER_LOOK: usize = 64 * 1024;

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The zone of times without offset: the tenant's.
    pub zone: TimeZone,
    /// The layout; `None` recognises it by the header.
    pub preset: Option<Preset>,
    /// The character set.
    pub charset: Charset,
    /// Bytes of a record at most; a longer one is an error of that row. Bounds the reader's memory.
    pub max_record: usize,
}

impl Options {
    /// Any layout, UTF-8, records of up to 1 MiB.
    pub const fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            preset: None,
            charset: Charset::Utf8,
            max_record: 1024 * 1024,
        }
    }
}

/// A place between two rows, to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Bytes of the unpacked file before the next row.
    pub offset: u64,
    /// Rows before it, refused ones included.
    pub rows: u64,
    /// Check sum of the header line, so that another file is noticed.
    pub header: u32,
}

/// What has been read since the reader was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows in all.
    pub read: u64,
    /// Rows handed out for import.
    pub rows: u64,
    /// Rows refused.
    pub failed: u64,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It can be imported.
    Row(Box<ImportRow>),
    /// It cannot; the file goes on.
    Failed(RowError),
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reader<R: Read> {
    splitter: Splitter<R>,
    layout: Layout,
    kinds: Kinds,
    options: Options,
    csv: Csv,
    fields: Fields,
    rows_before: u64,
    counts: Counts,
    header: u32,
}

impl<R: Read> Reader<R> {
    /// Opens a file at its first row.
    ///
    /// # Errors
    ///
    /// Any [`FileError`]: the packing, the character set and the header are looked at here.
    pub fn open(read: R, options: Options) -> Result<Self, FileError> {
        let mut splitter = Splitter::new(Source::open(read)?, options.max_record);
        skip_mark(&mut splitter)?;
        let format = detect(&mut splitter)?;
        let mut crc = Crc::new();
        let mut csv = Csv::new(b',');
        let mut fields = Fields::default();
        let layout = match format {
            Format::Ndjson => {
                if let Some(other) = options.preset.filter(|preset| *preset != Preset::Native) {
                    return Err(FileError::NdjsonPreset(other));
                }
                Layout::of_objects()
            }
            Format::Csv(delimiter) => {
                csv = Csv::new(delimiter);
                let piece = splitter
                    .next_record(delimiter, MAX_COLUMNS)?
                    .ok_or(FileError::Empty)?;
                let bytes = splitter.bytes(piece.range.clone());
                crc.update(bytes);
                header(&piece, bytes, options.charset, &mut csv, &mut fields)?;
                let names: Vec<String> = (0..fields.len())
                    .map(|at| fields.get(at).to_owned())
                    .collect();
                Layout::of_header(&names, delimiter, options.preset)?
            }
        };
        let kinds = Kinds::of(layout.preset());
        let header = crc.sum();
        Ok(Self {
            splitter,
            layout,
            kinds,
            options,
            csv,
            fields,
            rows_before: 0,
            counts: Counts::default(),
            header,
        })
    }

    /// Opens a file and goes on at `checkpoint`; the bytes before it are read and passed over, packed or not.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`], and [`FileError::Checkpoint`] where this is not the file that it was taken in.
    pub fn resume(read: R, options: Options, checkpoint: Checkpoint) -> Result<Self, FileError> {
        let mut reader = Self::open(read, options)?;
        if reader.header != checkpoint.header {
            return Err(FileError::Checkpoint("its header is another one"));
        }
        if !reader.splitter.skip_to(checkpoint.offset)? {
            return Err(FileError::Checkpoint(
                "no row begins where the import stopped",
            ));
        }
        reader.rows_before = checkpoint.rows;
        Ok(reader)
    }

    /// How the file is laid out.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What has been read since the reader was opened.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The place after the last row.
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            offset: self.splitter.offset(),
            rows: self.rows_before + self.counts.read,
            header: self.header,
        }
    }

    /// The next row; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// [`FileError::Read`] and [`FileError::Gzip`] when the bytes end in a failure.
    pub fn next_row(&mut self) -> Result<Option<Outcome>, FileError> {
        let piece = match self.layout.format() {
            Format::Csv(delimiter) => self.splitter.next_record(delimiter, self.layout.width())?,
            Format::Ndjson => self.splitter.next_line()?,
        };
        let Some(piece) = piece else { return Ok(None) };
        self.counts.read += 1;
        let row_no = self.rows_before + self.counts.read;
        let bytes = self.splitter.bytes(piece.range);
        let made = match piece.fault {
            Some(fault) => Err(fault),
            None => self.options.charset.decode(bytes).map_or_else(
                || {
                    Err(Fault::new(
                        RowCode::EncodingInvalid,
                        "not UTF-8; save the file as UTF-8 or say charset=windows-1252",
                    ))
                },
                |text| {
                    let others = match self.layout.format() {
                        Format::Csv(_) => {
                            self.csv.split(
                                &text,
                                piece.quoted,
                                self.layout.width(),
                                &mut self.fields,
                            )?;
                            Map::new()
                        }
                        Format::Ndjson => {
                            ndjson::object(&text, self.layout.width(), &mut self.fields)?
                        }
                    };
                    let record = Record {
                        layout: &self.layout,
                        fields: &self.fields,
                    };
                    record.row(row_no, &self.options.zone, &self.kinds, others)
                },
            ),
        };
        Ok(Some(match made {
            Ok(row) => {
                self.counts.rows += 1;
                Outcome::Row(Box::new(row))
            }
            Err(fault) => {
                self.counts.failed += 1;
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW_CHARS * 4)]);
                let raw = head(&text, RAW_CHARS).to_owned();
                Outcome::Failed(RowError {
                    row_no,
                    code: fault.code,
                    message: fault.message,
                    raw,
                })
            }
        }))
    }
}

/// The fields of one record in one allocation.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    ends: Vec<usize>,
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at `at`; blank where there is none.
    pub(super) fn get(&self, at: usize) -> &str {
        let Some(end) = self.ends.get(at) else {
            return "";
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..*end]
    }

    pub(super) fn set<'t>(&mut self, fields: impl Iterator<Item = &'t str>) {
        self.text.clear();
        self.ends.clear();
        for field in fields {
            self.text.push_str(field);
            self.ends.push(self.text.len());
        }
    }
}

/// Takes records apart that are known to be well quoted.
#[derive(Debug)]
struct Csv {
    delimiter: u8,
    reader: csv_core::Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl Csv {
    fn new(delimiter: u8) -> Self {
        let reader = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(Terminator::Any(b'\n'))
            .build();
        Self {
            delimiter,
            reader,
            output: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn split(
        &mut self,
        record: &str,
        quoted: bool,
        width: usize,
        fields: &mut Fields,
    ) -> Result<(), Fault> {
        if quoted {
            self.unquote(record, width, fields)?;
        } else {
            fields.set(record.split(char::from(self.delimiter)));
        }
        if fields.len() == width {
            return Ok(());
        }
        Err(Fault::new(
            RowCode::FieldCount,
            format!(
                "{} fields where the header has {width} columns; quote a field that holds the delimiter or a line end",
                fields.len()
            ),
        ))
    }

    fn unquote(&mut self, record: &str, width: usize, fields: &mut Fields) -> Result<(), Fault> {
        self.reader.reset();
        self.output.resize(record.len().max(1), 0);
        self.ends.resize(width + 1, 0);
        let (mut read, mut written, mut count) = (0, 0, 0);
        loop {
            let (result, took, wrote, ended) = self.reader.read_record(
                &record.as_bytes()[read..],
                &mut self.output[written..],
                &mut self.ends[count..],
            );
            read += took;
            written += wrote;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull => self.output.resize(self.output.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => {
                    return Err(Fault::new(
                        RowCode::FieldCount,
                        format!("more fields than the {width} columns of the header"),
                    ));
                }
            }
        }
        let text = std::str::from_utf8(&self.output[..written])
            .map_err(|error| Fault::new(RowCode::EncodingInvalid, error.to_string()))?;
        fields.text.clear();
        fields.text.push_str(text);
        fields.ends.clear();
        fields.ends.extend_from_slice(&self.ends[..count]);
        Ok(())
    }
}

/// Passes over a UTF-8 byte order mark and refuses those of UTF-16.
fn skip_mark<R: Read>(splitter: &mut Splitter<R>) -> Result<(), FileError> {
    let mark = match splitter.peek(3)? {
        [0xef, 0xbb, 0xbf, ..] => 3,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(FileError::Charset("it is UTF-16")),
        _ => 0,
    };
    splitter.advance(mark);
    Ok(())
}

/// CSV with its delimiter, or NDJSON; passes over blank lines before.
fn detect<R: Read>(splitter: &mut Splitter<R>) -> Result<Format, FileError> {
    loop {
        let bytes = splitter.peek(1)?;
        if bytes.is_empty() {
            return Err(FileError::Empty);
        }
        match bytes
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\r' | b'\n'))
        {
            None => {
                let blank = bytes.len();
                splitter.advance(blank);
            }
            Some(at) => {
                splitter.advance(at);
                break;
            }
        }
    }
    // No further than the first line, so that a source that fails later still gives the rows before.
    let mut want = 1;
    let bytes = loop {
        let bytes = splitter.peek(want)?;
        if bytes.len() < want || bytes.len() >= HEADER_LOOK || bytes.contains(&b'\n') {
            break splitter.buffered();
        }
        want = bytes.len() + 1;
    };
    match bytes.first() {
        Some(b'{') => return Ok(Format::Ndjson),
        Some(b'[') => return Err(FileError::NotNdjson),
        _ => {}
    }
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in bytes {
        match *byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                if let Some(count) = counts.iter_mut().find(|count| count.0 == byte) {
                    count.1 += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().map(|count| count.1).max().unwrap_or(0);
    Ok(Format::Csv(
        counts
            .iter()
            .find(|count| count.1 == most)
            .map_or(b',', |count| count.0),
    ))
}

fn header(
    piece: &Piece,
    bytes: &[u8],
    charset: Charset,
    csv: &mut Csv,
    fields: &mut Fields,
) -> Result<(), FileError> {
    if let Some(fault) = &piece.fault {
        return Err(FileError::Header(fault.message.clone()));
    }
    let text = charset
        .decode(bytes)
        .ok_or(FileError::Charset("the header line holds other bytes"))?;
    if text.contains('\r') {
        return Err(FileError::Header(
            "lines end in a bare carriage return; save the file with \\n or \\r\\n".to_owned(),
        ));
    }
    if piece.quoted {
        csv.unquote(&text, MAX_COLUMNS, fields)
            .map_err(|fault| FileError::Header(fault.message))
    } else if text.split(char::from(csv.delimiter)).count() > MAX_COLUMNS {
        Err(FileError::Header(format!(
            "more than {MAX_COLUMNS} columns"
        )))
    } else {
        fields.set(text.split(char::from(csv.delimiter)));
        Ok(())
    }
}
