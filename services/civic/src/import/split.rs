//! Cuts the unpacked bytes into records, within a fixed memory.
//!
//! The boundaries are found here rather than by the CSV library, because an open quote would make that one read
//! the rest of the file as a single field. A record that breaks the rules costs one physical line: reading goes on at the next
//! line. The count of fields is bounded while a quote is open, so that a file full of open quotes is not read
//! again and again.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use memchr::{memchr, memchr2};

use super::error::{Fault, FileError, RowCode};
use super::source::Source;

/// Bytes asked of the source at a time.
const CHUNK: usize = 64 * 1024;

/// Bytes kept of a line that is longer than the buffer; a character has at most four.
const KEPT: usize = super::error::RAW_CHARS * 4;

/// One record, or the physical line that was given up for it.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it stands in [`Splitter::bytes`], without its line end.
    pub(super) range: Range<usize>,
    /// Whether it holds a quote, and so must be unquoted.
    pub(super) quoted: bool,
    /// Why it is no record.
    pub(super) fault: Option<Fault>,
}

/// The unpacked bytes and the place reached in them.
#[derive(Debug)]
pub(super) struct Splitter<R: Read> {
    source: Source<R>,
    /// What one read of the source fills.
    chunk: Box<[u8]>,
    buf: Vec<u8>,
    /// First byte not yet handed out.
    start: usize,
    /// Offset in the file of `buf[0]`.
    base: u64,
    end_of_file: bool,
    max_record: usize,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(source: Source<R>, max_record: usize) -> Self {
        Self {
            source,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            buf: Vec::new(),
            start: 0,
            base: 0,
            end_of_file: false,
            max_record: max_record.max(1),
        }
    }

    /// Offset of the next record in the unpacked file.
    pub(super) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buf[range]
    }

    /// What is buffered and not yet handed out, at least `want` bytes unless the file ends before.
    pub(super) fn peek(&mut self, want: usize) -> Result<&[u8], FileError> {
        while self.buf.len() - self.start < want && self.fill()? {}
        Ok(&self.buf[self.start..])
    }

    /// What is buffered and not yet handed out.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buf[self.start..]
    }

    /// Passes over `count` buffered bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buf.len());
    }

    /// Passes over everything before `offset`; false where the file ends before it or no line ends there.
    pub(super) fn skip_to(&mut self, offset: u64) -> Result<bool, FileError> {
        if offset < self.offset() {
            return Ok(false);
        }
        let mut last = b'\n';
        loop {
            let have = self.buf.len() - self.start;
            let left = usize::try_from(offset - self.offset()).unwrap_or(usize::MAX);
            let step = left.min(have);
            if step > 0 {
                last = self.buf[self.start + step - 1];
                self.start += step;
            }
            if step == left {
                let at_end = self.start == self.buf.len() && !self.fill()?;
                return Ok(last == b'\n' || at_end);
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    /// The next line that is not blank, whatever quotes it holds.
    pub(super) fn next_line(&mut self) -> Result<Option<Piece>, FileError> {
        loop {
            let Some(piece) = self.line()? else {
                return Ok(None);
            };
            if piece.fault.is_some() || !self.buf[piece.range.clone()].trim_ascii().is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// The next CSV record that is not a blank line, of at most `max_fields` fields.
    pub(super) fn next_record(
        &mut self,
        delimiter: u8,
        max_fields: usize,
    ) -> Result<Option<Piece>, FileError> {
        loop {
            let Some(piece) = self.record(delimiter, max_fields)? else {
                return Ok(None);
            };
            if piece.fault.is_some()
                || piece.quoted
                || !self.buf[piece.range.clone()].trim_ascii().is_empty()
            {
                return Ok(Some(piece));
            }
        }
    }

    fn record(&mut self, delimiter: u8, max_fields: usize) -> Result<Option<Piece>, FileError> {
        let mut seen = 0;
        loop {
            match memchr2(b'\n', b'"', &self.buf[self.start + seen..]) {
                Some(at) if self.buf[self.start + seen + at] == b'"' => break,
                Some(_) => return self.line(),
                None => {
                    seen = self.buf.len() - self.start;
                    if seen > self.max_record || !self.fill()? {
                        return self.line();
                    }
                }
            }
        }
        match self.scan(delimiter, max_fields)? {
            Ok(length) if length <= self.max_record => Ok(Some(self.take(length, true))),
            Ok(_) => self.give_up(self.too_long()).map(Some),
            Err(fault) => self.give_up(fault).map(Some),
        }
    }

    /// The length of the record that begins at `start`, with its line end.
    fn scan(
        &mut self,
        delimiter: u8,
        max_fields: usize,
    ) -> Result<Result<usize, Fault>, FileError> {
        #[derive(Clone, Copy, PartialEq)]
        enum At {
            FieldStart,
            Plain,
            Quoted,
            QuoteInQuoted,
            LineEnding,
        }
        let mut at = At::FieldStart;
        let mut fields = 1_usize;
        let mut pos = 0_usize;
        loop {
            if pos > self.max_record {
                let open = at == At::Quoted;
                return Ok(Err(if open { open_quote() } else { self.too_long() }));
            }
            if self.start + pos >= self.buf.len() && !self.fill()? {
                let open = at == At::Quoted;
                return Ok(if open { Err(open_quote()) } else { Ok(pos) });
            }
            // No further than the limit, so that the fault found does not depend on what is buffered.
            let limit = (self.start + self.max_record + 1).min(self.buf.len());
            let rest = &self.buf[self.start + pos..limit];
            if at == At::Quoted {
                match memchr(b'"', rest) {
                    Some(found) => {
                        pos += found + 1;
                        at = At::QuoteInQuoted;
                    }
                    None => pos += rest.len(),
                }
                continue;
            }
            let byte = rest[0];
            pos += 1;
            at = match (at, byte) {
                (_, b'\n') => return Ok(Ok(pos)),
                (_, b) if b == delimiter && at != At::LineEnding => {
                    fields += 1;
                    if fields > max_fields {
                        return Ok(Err(Fault::new(
                            RowCode::FieldCount,
                            format!(
                                "more fields than the {max_fields} columns of the header; quote a field that \
                                 holds the delimiter, and close every quote"
                            ),
                        )));
                    }
                    At::FieldStart
                }
                (At::FieldStart | At::QuoteInQuoted, b'"') => At::Quoted,
                (At::QuoteInQuoted, b'\r') => At::LineEnding,
                (At::QuoteInQuoted | At::LineEnding, _) => {
                    return Ok(Err(Fault::new(
                        RowCode::QuoteBroken,
                        "text follows a closing quote; write a quote inside a quoted field twice",
                    )));
                }
                _ => At::Plain,
            };
        }
    }

    /// The next physical line.
    fn line(&mut self) -> Result<Option<Piece>, FileError> {
        let mut seen = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.buf[self.start + seen..]) {
                let length = seen + at + 1;
                if length > self.max_record {
                    return self.give_up(self.too_long()).map(Some);
                }
                return Ok(Some(self.take(length, false)));
            }
            seen = self.buf.len() - self.start;
            if seen > self.max_record {
                return self.give_up(self.too_long()).map(Some);
            }
            if !self.fill()? {
                return Ok((seen > 0).then(|| self.take(seen, false)));
            }
        }
    }

    fn take(&mut self, length: usize, quoted: bool) -> Piece {
        let range = self.start..self.start + length;
        self.start = range.end;
        let mut end = range.end;
        if self.buf[range.start..end].ends_with(b"\n") {
            end -= 1;
        }
        if self.buf[range.start..end].ends_with(b"\r") {
            end -= 1;
        }
        Piece {
            range: range.start..end,
            quoted,
            fault: None,
        }
    }

    /// Drops the physical line at `start`, however long; the piece keeps its beginning.
    fn give_up(&mut self, fault: Fault) -> Result<Piece, FileError> {
        // What is kept must not depend on how the bytes happened to arrive.
        while self.buffered().len() < KEPT
            && memchr(b'\n', self.buffered()).is_none()
            && self.fill()?
        {}
        if let Some(at) = memchr(b'\n', &self.buf[self.start..]) {
            let piece = self.take(at + 1, false);
            return Ok(Piece {
                fault: Some(fault),
                ..piece
            });
        }
        let keep = self.start..self.buf.len().min(self.start + KEPT);
        let kept = self.buf[keep].to_vec();
        loop {
            self.start = self.buf.len();
            if !self.fill()? {
                break;
            }
            if let Some(at) = memchr(b'\n', &self.buf[self.start..]) {
                self.start += at + 1;
                break;
            }
        }
        // The kept text goes in front of what is buffered, so that a piece is always a range of the buffer.
        let length = kept.len();
        let rest = self.buf.split_off(self.start);
        self.base += self.start as u64;
        self.base = self.base.wrapping_sub(length as u64);
        self.buf = kept;
        self.buf.extend_from_slice(&rest);
        self.start = length;
        Ok(Piece {
            range: 0..length,
            quoted: false,
            fault: Some(fault),
        })
    }

    /// Reads more; false at the end of the file. Moves what is buffered to the front.
    fn fill(&mut self) -> Result<bool, FileError> {
        if self.end_of_file {
            return Ok(false);
        }
        if self.start > 0 {
            self.buf.drain(..self.start);
            self.base += self.start as u64;
            self.start = 0;
        }
        loop {
            match self.source.read(&mut self.chunk) {
                Ok(count) => {
                    self.buf.extend_from_slice(&self.chunk[..count]);
                    self.end_of_file = count == 0;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(self
                        .source
                        .failure(self.base + self.buf.len() as u64, error));
                }
            }
        }
    }

    fn too_long(&self) -> Fault {
        Fault::new(
            RowCode::RecordTooLong,
            format!(
                "longer than {} bytes; close every quote and end every row with a line end",
                self.max_record
            ),
        )
    }
}

fn open_quote() -> Fault {
    Fault::new(
        RowCode::QuoteBroken,
        "a quote is opened and never closed; close it, or double it where it is text",
    )
}
