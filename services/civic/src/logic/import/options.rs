//! What an import is asked to do, and what it says it did.

use serde::{Deserialize, Serialize};

use crate::import::{Charset, Preset};

/// Who decides what a row is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Classify {
    /// The layout's map of kinds, and the rules where it is silent; the severity by the rules.
    #[default]
    Rules,
    /// Nobody: the map of kinds, else `other`; the severity is medium.
    None,
    /// As `rules`, and the file's own column `severity` goes before them.
    Trust,
}

impl Classify {
    /// All ways, for the command line.
    pub const ALL: [Self; 3] = [Self::Rules, Self::None, Self::Trust];

    /// The word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::None => "none",
            Self::Trust => "trust",
        }
    }

    /// The way of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == word)
    }
}

/// What happens to a row whose id is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is skipped.
    #[default]
    Insert,
    /// It would be brought up to date; refused for now.
    Upsert,
}

/// What an import is asked to do.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// How the file is called, for people.
    pub file_name: String,
    /// The layout; `None` recognises it by the header.
    pub preset: Option<Preset>,
    /// The character set.
    pub charset: Charset,
    /// Who decides what a row is about.
    pub classify: Classify,
    /// What happens to known ids.
    pub mode: Mode,
    /// Whether rows are joined into issues; refused for now. Without it every row is an issue of its own.
    pub dedup: bool,
    /// Whether areas that the file names and the tenant lacks are made.
    pub create_areas: bool,
    /// Reads and checks everything and writes nothing.
    pub dry_run: bool,
    /// Goes on with this import; `preset`, `charset`, `classify`, `create_areas` and `max_error_rate` are then those
    /// that it began with.
    pub resume: Option<i64>,
    /// The share of refused rows, 0 to 1, past which the import stops. The first 1,000 rows alone stop nothing:
    /// publishers put what is broken first when they sort by a blank column.
    pub max_error_rate: f64,
    /// Rows of a chunk; `None` takes what suits the database.
    pub chunk_rows: Option<usize>,
}

impl ImportOptions {
    /// The defaults for a file of that name: layout by header, UTF-8, rules, insert, 20 % refused at most.
    pub fn new(file_name: impl Into<String>) -> Self {
        Self {
            file_name: file_name.into(),
            preset: None,
            charset: Charset::Utf8,
            classify: Classify::Rules,
            mode: Mode::Insert,
            dedup: false,
            create_areas: false,
            dry_run: false,
            resume: None,
            max_error_rate: 0.2,
            chunk_rows: None,
        }
    }

    pub(super) fn stored(&self) -> StoredOptions {
        StoredOptions {
            charset: self.charset,
            classify: self.classify,
            create_areas: self.create_areas,
            max_error_rate: self.max_error_rate,
        }
    }
}

/// What of the options a resumed import must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredOptions {
    pub(crate) charset: Charset,
    pub(crate) classify: Classify,
    pub(crate) create_areas: bool,
    pub(crate) max_error_rate: f64,
}

/// Where an import stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportStatus {
    /// Under way, or killed and waiting to be resumed.
    Running,
    /// The whole file was read.
    Completed,
    /// It stopped for the reason that stands beside; what was imported stays.
    Failed,
    /// Somebody stopped it; what was imported stays.
    Cancelled,
}

impl ImportStatus {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word used in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One refused row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// Data rows are counted from 1.
    pub row: u64,
    /// The stable reason.
    pub code: String,
    /// What to mend.
    pub message: String,
}

/// What an import did, resumed parts included. `read` is always `created + skipped + failed`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportReport {
    /// Its id; `None` for a dry run.
    pub id: Option<i64>,
    /// How it ended.
    pub status: ImportStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Rows of the file.
    pub read: u64,
    /// Rows that became reports.
    pub created: u64,
    /// Rows whose id was there already, in the file or in the database.
    pub skipped: u64,
    /// Rows that were refused.
    pub failed: u64,
    /// The first 10,000 refused rows; all of them are kept with the import.
    pub errors: Vec<RefusedRow>,
    /// Rows with a due time, a closing time and the file's own verdict.
    pub sla_compared: u64,
    /// Those of them where our verdict is the same.
    pub sla_agree: u64,
    /// Rows that name an area which the tenant does not have.
    pub areas_unknown: u64,
}

/// How far an import has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The import, once it is noted; a dry run has none.
    pub id: Option<i64>,
    /// Bytes taken from the file as it is stored, packed or not.
    pub bytes: u64,
    /// Rows settled.
    pub read: u64,
    /// Rows that became reports.
    pub created: u64,
    /// Rows skipped.
    pub skipped: u64,
    /// Rows refused.
    pub failed: u64,
}
