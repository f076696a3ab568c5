//! The column layouts that are understood, and which of them a header shows.
//!
//! Names are compared without case, spaces and `_`. A column without a role goes into the row's attributes, unless it
//! only repeats another one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::FileError;

/// A named layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Preset {
    /// Our own columns; also the members of NDJSON objects.
    #[serde(rename = "native")]
    Native,
    /// The Open311 bulk format.
    #[serde(rename = "open311_bulk")]
    Open311Bulk,
    /// New York City's 311 service requests.
    #[serde(rename = "nyc311")]
    Nyc311,
    /// Boston's service requests of 2011 to 2025, in small letters or capitals.
    #[serde(rename = "boston311")]
    Boston311,
    /// Boston's newer system.
    #[serde(rename = "boston311_2026")]
    Boston311New,
    /// St. Louis, Citizens' Service Bureau.
    #[serde(rename = "stlouis_csb")]
    StLouisCsb,
}

impl Preset {
    /// All presets, in the order in which a header is tried.
    pub const ALL: [Self; 6] = [
        Self::Boston311New,
        Self::Boston311,
        Self::Nyc311,
        Self::StLouisCsb,
        Self::Open311Bulk,
        Self::Native,
    ];

    /// The word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Open311Bulk => "open311_bulk",
            Self::Nyc311 => "nyc311",
            Self::Boston311 => "boston311",
            Self::Boston311New => "boston311_2026",
            Self::StLouisCsb => "stlouis_csb",
        }
    }

    /// The preset of that exact word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == word)
    }

    const fn columns(self) -> &'static [Column] {
        match self {
            Self::Native => NATIVE,
            Self::Open311Bulk => OPEN311_BULK,
            Self::Nyc311 => NYC311,
            Self::Boston311 => BOSTON311,
            Self::Boston311New => BOSTON311_NEW,
            Self::StLouisCsb => STLOUIS_CSB,
        }
    }

    /// Columns that repeat others and are not kept.
    const fn repeated(self) -> &'static [&'static str] {
        match self {
            Self::Native | Self::Open311Bulk | Self::StLouisCsb => &[],
            Self::Nyc311 => &["Location"],
            Self::Boston311 => &["location_street_name", "Geocoded_Location"],
            Self::Boston311New => &["_id", "street_number", "street_name"],
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with this delimiter.
    Csv(u8),
    /// One JSON object on each line.
    Ndjson,
}

/// What a column means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Role {
    Id,
    Opened,
    Due,
    Closed,
    Cancelled,
    Status,
    Verdict,
    /// The raw kind, the most telling first.
    Kind,
    Kind2,
    Kind3,
    Description,
    Place,
    Street1,
    Street2,
    Cross1,
    Cross2,
    City,
    Zip,
    PlaceType,
    Lat,
    Lon,
    PlaneX,
    PlaneY,
    Area,
    Area2,
    Channel,
    Unit,
    Note,
    Note2,
}

const ROLES: usize = Role::Note2 as usize + 1;

/// Role, the publisher's name, whether every row needs it.
pub(super) type Column = (Role, &'static str, bool);

const NATIVE: &[Column] = &[
    (Role::Opened, "submitted_at", true),
    (Role::Description, "description", true),
    (Role::Id, "external_id", false),
    (Role::Due, "due_at", false),
    (Role::Closed, "resolved_at", false),
    (Role::Kind, "category", false),
    (Role::Status, "status", false),
    (Role::Note, "note", false),
    (Role::Unit, "assignee", false),
    (Role::Place, "location", false),
    (Role::Lat, "lat", false),
    (Role::Lon, "lon", false),
    (Role::Area, "area", false),
    (Role::Channel, "channel", false),
];

const OPEN311_BULK: &[Column] = &[
    (Role::Id, "service_request_id", true),
    (Role::Opened, "requested_datetime", true),
    (Role::Kind, "service_name", true),
    (Role::Closed, "closed_date", false),
    (Role::Kind2, "service_subtype", false),
    (Role::Description, "description", false),
    (Role::Status, "status_description", false),
    (Role::Note, "status_notes", false),
    (Role::Unit, "agency_responsible", false),
    (Role::Place, "address", false),
    (Role::Lat, "lat", false),
    (Role::Lon, "long", false),
    (Role::Channel, "source", false),
];

const NYC311: &[Column] = &[
    (Role::Id, "Unique Key", true),
    (Role::Opened, "Created Date", true),
    (Role::Kind, "Complaint Type", true),
    (Role::Status, "Status", true),
    (Role::Closed, "Closed Date", true),
    (Role::Due, "Due Date", false),
    (Role::Kind2, "Descriptor", false),
    (Role::PlaceType, "Location Type", false),
    (Role::Note, "Resolution Description", false),
    (Role::Unit, "Agency", false),
    (Role::Place, "Incident Address", false),
    (Role::Street1, "Intersection Street 1", false),
    (Role::Street2, "Intersection Street 2", false),
    (Role::Cross1, "Cross Street 1", false),
    (Role::Cross2, "Cross Street 2", false),
    (Role::City, "City", false),
    (Role::Zip, "Incident Zip", false),
    (Role::Lat, "Latitude", false),
    (Role::Lon, "Longitude", false),
    (Role::Area, "Borough", false),
    (Role::Area2, "Community Board", false),
    (Role::Channel, "Open Data Channel Type", false),
];

const BOSTON311: &[Column] = &[
    (Role::Id, "case_enquiry_id", true),
    (Role::Opened, "open_dt", true),
    (Role::Closed, "closed_dt", true),
    (Role::Status, "case_status", true),
    (Role::Description, "case_title", true),
    (Role::Due, "target_dt", false),
    (Role::Verdict, "ontime", false),
    (Role::Verdict, "OnTime_Status", false),
    (Role::Kind, "type", false),
    (Role::Kind2, "reason", false),
    (Role::Kind3, "subject", false),
    (Role::Note, "closure_reason", false),
    (Role::Unit, "department", false),
    (Role::Place, "location", false),
    (Role::Zip, "location_zipcode", false),
    (Role::Lat, "latitude", false),
    (Role::Lon, "longitude", false),
    (Role::Area, "neighborhood", false),
    (Role::Channel, "source", false),
];

const BOSTON311_NEW: &[Column] = &[
    (Role::Id, "case_id", true),
    (Role::Opened, "open_date", true),
    (Role::Closed, "close_date", true),
    (Role::Kind, "case_topic", true),
    (Role::Kind2, "service_name", true),
    (Role::Status, "case_status", true),
    (Role::Due, "target_close_date", false),
    (Role::Verdict, "on_time", false),
    (Role::Note, "closure_reason", false),
    (Role::Note2, "closure_comments", false),
    (Role::Unit, "assigned_department", false),
    (Role::Place, "full_address", false),
    (Role::Zip, "zip_code", false),
    (Role::Lat, "latitude", false),
    (Role::Lon, "longitude", false),
    (Role::Area, "neighborhood", false),
    (Role::Channel, "report_source", false),
];

const STLOUIS_CSB: &[Column] = &[
    (Role::Id, "requestid", true),
    (Role::Opened, "datetimeinit", true),
    (Role::Kind, "problemcode", true),
    (Role::Status, "status", true),
    (Role::Closed, "datetimeclosed", true),
    (Role::Description, "description", false),
    (Role::Due, "prjcompletedate", false),
    (Role::Cancelled, "datecancelled", false),
    (Role::Place, "probaddress", false),
    (Role::Unit, "submitto", false),
    (Role::PlaneX, "srx", false),
    (Role::PlaneY, "sry", false),
    (Role::Area, "neighborhood", false),
    (Role::Channel, "callertype", false),
];

/// A preset laid over one file's columns.
#[derive(Clone, Debug)]
pub struct Layout {
    preset: Preset,
    format: Format,
    width: usize,
    places: [Option<usize>; ROLES],
    attributes: Vec<(String, usize)>,
}

impl Layout {
    /// The preset that was found or forced.
    pub const fn preset(&self) -> Preset {
        self.preset
    }

    /// How the rows are written.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// How many columns a row has.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// Where the column with that meaning stands.
    pub(super) const fn place(&self, role: Role) -> Option<usize> {
        self.places[role as usize]
    }

    /// The columns that go into the attributes, with their key.
    pub(super) fn attributes(&self) -> &[(String, usize)] {
        &self.attributes
    }

    /// The layout of a CSV header; `forced` is used whatever the header resembles.
    ///
    /// # Errors
    ///
    /// [`FileError::ColumnMissing`] and [`FileError::ColumnRepeated`].
    pub(super) fn of_header(
        header: &[String],
        delimiter: u8,
        forced: Option<Preset>,
    ) -> Result<Self, FileError> {
        let names: Vec<String> = header.iter().map(|name| plain(name)).collect();
        let mut candidates = Vec::new();
        for preset in Preset::ALL {
            if forced.is_some_and(|forced| forced != preset) {
                continue;
            }
            let missing: Vec<&'static str> = preset
                .columns()
                .iter()
                .filter(|(_, name, required)| *required && !names.contains(&plain(name)))
                .map(|(_, name, _)| *name)
                .collect();
            if missing.is_empty() {
                return Self::lay(preset, header, &names, delimiter);
            }
            let required = preset.columns().iter().filter(|column| column.2).count();
            candidates.push((missing.len() * 100 / required, preset, missing));
        }
        candidates.sort_by_key(|(share, ..)| *share);
        let near = candidates.iter().filter(|(share, ..)| *share < 100).count();
        candidates.truncate(if near == 0 {
            candidates.len()
        } else {
            near.min(3)
        });
        Err(FileError::ColumnMissing {
            candidates: candidates
                .into_iter()
                .map(|(_, preset, missing)| (preset, missing))
                .collect(),
        })
    }

    fn lay(
        preset: Preset,
        header: &[String],
        names: &[String],
        delimiter: u8,
    ) -> Result<Self, FileError> {
        let mut places = [None; ROLES];
        let mut used = vec![false; names.len()];
        for (role, name, _) in preset.columns() {
            let name = plain(name);
            let mut found = names
                .iter()
                .enumerate()
                .filter(|(_, n)| **n == name)
                .map(|(at, _)| at);
            let Some(at) = found.next() else { continue };
            if found.next().is_some() {
                return Err(FileError::ColumnRepeated(header[at].trim().to_owned()));
            }
            used[at] = true;
            places[*role as usize].get_or_insert(at);
        }
        let repeated: Vec<String> = preset.repeated().iter().map(|name| plain(name)).collect();
        let attributes = (0..names.len())
            .filter(|at| !used[*at] && !names[*at].is_empty() && !repeated.contains(&names[*at]))
            .map(|at| (key(&header[at]), at))
            .collect();
        Ok(Self {
            preset,
            format: Format::Csv(delimiter),
            width: names.len(),
            places,
            attributes,
        })
    }

    /// The layout of NDJSON: the native columns in their own order.
    pub(super) fn of_objects() -> Self {
        let mut places = [None; ROLES];
        for (at, (role, ..)) in NATIVE.iter().enumerate() {
            places[*role as usize] = Some(at);
        }
        Self {
            preset: Preset::Native,
            format: Format::Ndjson,
            width: NATIVE.len(),
            places,
            attributes: Vec::new(),
        }
    }

    /// Where the NDJSON member of that name stands; `None` for one without a role.
    pub(super) fn native_place(name: &str) -> Option<usize> {
        NATIVE
            .iter()
            .position(|(_, column, _)| *column == name)
            .or_else(|| {
                let name = plain(name);
                NATIVE
                    .iter()
                    .position(|(_, column, _)| plain(column) == name)
            })
    }
}

/// A column name as it is compared.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .flat_map(char::to_lowercase)
        .collect()
}

/// A column name as a JSON key: small letters and digits, words joined by `_`.
fn key(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Vec<String> {
        line.split(',').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn names_are_compared_without_case_spaces_and_underscores() {
        let layout = Layout::of_header(
            &header("CASE ENQUIRY ID,Open_DT,closedDt,Case Status,case_title,OnTime_Status,Ward"),
            b',',
            None,
        )
        .unwrap();
        assert_eq!(layout.preset(), Preset::Boston311);
        assert_eq!(layout.place(Role::Verdict), Some(5));
        assert_eq!(layout.attributes(), &[("ward".to_owned(), 6)]);
    }

    #[test]
    fn a_missing_column_is_named_with_the_presets_that_want_it() {
        let error =
            Layout::of_header(&header("external_id,description,location"), b',', None).unwrap_err();
        assert_eq!(error.code(), "civic.import_column_missing");
        assert!(
            error.to_string().contains("`native` needs `submitted_at`"),
            "{error}"
        );
        let error = Layout::of_header(
            &header("submitted_at,description"),
            b',',
            Some(Preset::Nyc311),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("`nyc311` needs `Unique Key`"),
            "{error}"
        );
        assert!(!error.to_string().contains("native"), "{error}");
    }

    #[test]
    fn a_column_that_is_read_may_not_stand_twice() {
        let error = Layout::of_header(&header("submitted_at,description,Description"), b',', None)
            .unwrap_err();
        assert!(matches!(error, FileError::ColumnRepeated(_)));
    }

    #[test]
    fn every_preset_is_found_by_its_word() {
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.as_str()), Some(preset));
        }
        assert_eq!(Preset::parse("boston"), None);
    }
}
