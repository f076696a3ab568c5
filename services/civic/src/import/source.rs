//! From the bytes that were sent to the bytes of the text: packing and byte order marks.

use std::borrow::Cow;
use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::error::FileError;

/// The character set of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charset {
    /// UTF-8, the only one taken unasked.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// The Windows code page of western Europe, by switch only.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Charset {
    /// The charset of that name in any case; `None` for one that is not supported.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "windows-1252" | "cp1252" => Some(Self::Windows1252),
            _ => None,
        }
    }

    /// The text of `bytes`; `None` where they are not in this charset.
    ///
    /// Both charsets contain ASCII, so records are split before they are decoded.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Windows1252 => Some(
                encoding_rs::WINDOWS_1252
                    .decode_without_bom_handling(bytes)
                    .0,
            ),
        }
    }
}

/// The bytes that were looked at, and those after them.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// A file's bytes, unpacked while they are read.
#[derive(Debug)]
pub(super) enum Source<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
}

impl<R: Read> Source<R> {
    /// Looks at the first bytes and unpacks gzip.
    ///
    /// # Errors
    ///
    /// [`FileError::Packing`] for zstd, zip and others; [`FileError::Read`].
    pub(super) fn open(mut read: R) -> Result<Self, FileError> {
        let mut head = Vec::with_capacity(6);
        read.by_ref()
            .take(6)
            .read_to_end(&mut head)
            .map_err(|source| FileError::Read { offset: 0, source })?;
        let packing = match head.as_slice() {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
            [b'P', b'K', 3, 4, ..] => Some("zip (or a spreadsheet)"),
            [b'B', b'Z', b'h', ..] => Some("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("xz"),
            _ => None,
        };
        if let Some(name) = packing {
            return Err(FileError::Packing(name));
        }
        let gzip = head.starts_with(&[0x1f, 0x8b]);
        let whole = Cursor::new(head).chain(read);
        Ok(if gzip {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                64 * 1024,
                whole,
            ))))
        } else {
            Self::Plain(whole)
        })
    }

    /// The failure of a read at `offset` of the unpacked bytes.
    pub(super) fn failure(&self, offset: u64, source: io::Error) -> FileError {
        match self {
            Self::Plain(_) => FileError::Read { offset, source },
            Self::Gzip(_) => FileError::Gzip { offset, source },
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(read) => read.read(buf),
            Self::Gzip(read) => read.read(buf),
        }
    }
}
