//! One record in a layout's words to one row in ours.

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::error::{Fault, RowCode};
use super::kinds::Kinds;
use super::layout::{Layout, Preset, Role};
use super::plane::missouri_east_to_degrees;
use super::reader::Fields;
use super::row::ImportRow;
use super::status::RowStatus;
use super::text::{clean, join, one_line, zip};
use super::times::{Instants, Reading, Style};

/// Characters that a description has at least and at most.
const DESCRIPTION: std::ops::RangeInclusive<usize> = 10..=4_000;
/// Characters of a location at most.
const LOCATION_MAX: usize = 255;
/// Bytes of an external id at most.
const ID_MAX: usize = 128;
/// The attribute that tells what was mended or dropped.
const NOTES: &str = "import_notes";

/// A record with the layout that explains it.
pub(super) struct Record<'a> {
    pub(super) layout: &'a Layout,
    pub(super) fields: &'a Fields,
}

impl Record<'_> {
    /// The text of that meaning, trimmed; `None` when it is blank or the layout's word for missing.
    fn get(&self, role: Role) -> Option<&str> {
        self.present(self.fields.get(self.layout.place(role)?))
    }

    fn present<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.trim();
        let missing = match self.layout.preset() {
            Preset::StLouisCsb => text == "NA",
            Preset::Nyc311 => matches!(text, "N/A" | "Unspecified"),
            _ => false,
        };
        (!text.is_empty() && !missing).then_some(text)
    }

    fn line(&self, role: Role) -> Option<String> {
        self.get(role).map(one_line).filter(|text| !text.is_empty())
    }

    pub(super) fn row(
        &self,
        row_no: u64,
        zone: &TimeZone,
        kinds: &Kinds,
        mut attributes: Map<String, Value>,
    ) -> Result<ImportRow, Fault> {
        let mut notes = Vec::new();
        let external_id = self.external_id()?;
        let external_status = self.line(Role::Status);
        let status = external_status.as_deref().and_then(RowStatus::parse);
        let times = self.times(status, zone)?;
        let status = status.unwrap_or_else(|| {
            if external_status.is_some() {
                notes.push(Value::from(
                    "status word unknown; taken from the closing time",
                ));
            }
            if times.closed.is_some() {
                RowStatus::Closed
            } else {
                RowStatus::Open
            }
        });
        let mut service: Vec<String> = Vec::new();
        for kind in [Role::Kind, Role::Kind2, Role::Kind3]
            .into_iter()
            .filter_map(|role| self.line(role))
        {
            if !service.contains(&kind) {
                service.push(kind);
            }
        }
        let (description, composed) = self.description()?;
        let location = self.location()?;
        let place = self.coordinates(&mut notes, &mut attributes);
        for (key, at) in self.layout.attributes() {
            if let Some(text) = self.present(self.fields.get(*at)) {
                attributes.insert(key.clone(), Value::String(clean(text).into_owned()));
            }
        }
        if let (Preset::Boston311 | Preset::Boston311New, Some(code)) =
            (self.layout.preset(), self.get(Role::Zip))
        {
            attributes.insert("zip".to_owned(), Value::from(zip(code)));
        }
        if let Some(at) = self.get(Role::Cancelled) {
            attributes.insert("cancelled_at".to_owned(), Value::from(at));
        }
        if let Some(kind) = self.get(Role::PlaceType) {
            attributes.insert("location_type".to_owned(), Value::from(kind));
        }
        if !notes.is_empty() {
            attributes.insert(NOTES.to_owned(), Value::Array(notes));
        }
        Ok(ImportRow {
            row_no,
            external_id,
            submitted_at: times.opened,
            due_at: times.due,
            closed_at: times.closed,
            external_status,
            status,
            category: kinds.category(&service),
            service,
            description,
            composed,
            location,
            lat: place.map(|(lat, _)| lat),
            lon: place.map(|(_, lon)| lon),
            area: self.line(Role::Area).or_else(|| self.line(Role::Area2)),
            channel: self.line(Role::Channel),
            assignee: self.unit(),
            note: self.note(),
            verdict: self.get(Role::Verdict).and_then(verdict),
            attributes,
        })
    }

    fn external_id(&self) -> Result<Option<String>, Fault> {
        let id = self.get(Role::Id).map(clean).filter(|id| !id.is_empty());
        match id {
            Some(id) if id.len() > ID_MAX => Err(Fault::new(
                RowCode::ExternalIdInvalid,
                format!("the id has more than {ID_MAX} bytes"),
            )),
            None if self.layout.preset() != Preset::Native => {
                Err(Fault::new(RowCode::ExternalIdInvalid, "the row has no id"))
            }
            id => Ok(id.map(std::borrow::Cow::into_owned)),
        }
    }

    fn times(&self, status: Option<RowStatus>, zone: &TimeZone) -> Result<Instants, Fault> {
        let style = match self.layout.preset() {
            // The `+00` behind these times is not an offset: legacy cases show the same reading as EDT in their text,
            // and calls under the new scheme of ids keep office hours only when they are read as local time.
            Preset::Boston311New => Style::IsoWall,
            Preset::Native | Preset::Open311Bulk => Style::Iso,
            Preset::Nyc311 | Preset::Boston311 | Preset::StLouisCsb => Style::American,
        };
        let read = |role: Role, what: &str| match self.get(role) {
            None => Ok(None),
            Some(text) => Reading::parse(text, style).map(Some).ok_or_else(|| {
                invalid(format!(
                    "the {what} time cannot be read: `{}`",
                    super::text::head(text, 60)
                ))
            }),
        };
        let opened = read(Role::Opened, "opening")?.ok_or_else(|| {
            invalid("the row has no opening time, so neither its age nor its promise can be told")
        })?;
        let due = read(Role::Due, "due")?;
        let mut closed = read(Role::Closed, "closing")?;
        if closed.is_none() && status == Some(RowStatus::Cancelled) {
            closed = read(Role::Cancelled, "cancelling")?;
        }
        Instants::choose(opened, due, closed, zone)
            .ok_or_else(|| invalid("a time lies outside of the calendar"))
    }

    fn description(&self) -> Result<(String, bool), Fault> {
        let own = |role: Role| {
            self.get(role)
                .map(|text| clean(text).into_owned())
                .unwrap_or_default()
        };
        let preset = self.layout.preset();
        let (mut text, more): (String, &[Role]) = match preset {
            Preset::Native => (own(Role::Description), &[Role::Kind]),
            Preset::Open311Bulk => (own(Role::Description), &[Role::Kind, Role::Kind2]),
            Preset::Boston311 => (
                own(Role::Description),
                &[Role::Kind, Role::Kind2, Role::Kind3, Role::Unit],
            ),
            Preset::Boston311New => (own(Role::Kind2), &[Role::Kind, Role::Unit]),
            Preset::StLouisCsb => (own(Role::Description), &[Role::Kind, Role::Unit]),
            Preset::Nyc311 => {
                let mut text = one_line(&own(Role::Kind));
                join(&mut text, &one_line(&own(Role::Kind2)));
                if let Some(place) = self.line(Role::PlaceType) {
                    text = format!("{text} ({place})");
                }
                (text, &[Role::Unit])
            }
        };
        let mut composed = preset == Preset::Nyc311;
        let long_enough = |text: &str| text.chars().nth(DESCRIPTION.start() - 1).is_some();
        if !long_enough(&text) {
            for part in more.iter().filter_map(|role| self.line(*role)) {
                // Open311 composes name and subtype together; the others stop as soon as there is enough.
                if long_enough(&text) && preset != Preset::Open311Bulk {
                    break;
                }
                join(&mut text, part.trim_end_matches(','));
                composed = true;
            }
        }
        // The cities' texts are titles of kinds: a short title is a whole statement, a short sentence is not.
        let titles = !matches!(preset, Preset::Native | Preset::Open311Bulk);
        if titles && !text.is_empty() && !long_enough(&text) {
            text.insert_str(0, "Service request: ");
            composed = true;
        }
        let length = text.chars().count();
        if length < *DESCRIPTION.start() {
            return Err(Fault::new(
                RowCode::DescriptionTooShort,
                format!(
                    "the description has {length} of at least {} characters, with the kinds added",
                    DESCRIPTION.start()
                ),
            ));
        }
        if length > *DESCRIPTION.end() {
            return Err(Fault::new(
                RowCode::DescriptionTooLong,
                format!(
                    "the description has {length} of at most {} characters",
                    DESCRIPTION.end()
                ),
            ));
        }
        Ok((text, composed))
    }

    fn location(&self) -> Result<Option<String>, Fault> {
        let pair = |a: Role, b: Role| match (self.line(a), self.line(b)) {
            (Some(a), Some(b)) => Some(format!("{a} & {b}")),
            (a, b) => a.or(b),
        };
        let mut place = self
            .line(Role::Place)
            .or_else(|| pair(Role::Street1, Role::Street2))
            .or_else(|| pair(Role::Cross1, Role::Cross2));
        if self.layout.preset() == Preset::Nyc311 {
            let parts = [place, self.line(Role::City), self.line(Role::Zip)];
            let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
            place = (!joined.is_empty()).then_some(joined);
        }
        if place
            .as_ref()
            .is_some_and(|place| place.chars().count() > LOCATION_MAX)
        {
            return Err(Fault::new(
                RowCode::LocationTooLong,
                format!("the location has more than {LOCATION_MAX} characters"),
            ));
        }
        Ok(place)
    }

    /// Both degrees or none. Publishers write blanks as 0, so a place that cannot be is dropped and noted: the row is still
    /// worth having, a point in the Gulf of Guinea is not.
    fn coordinates(
        &self,
        notes: &mut Vec<Value>,
        attributes: &mut Map<String, Value>,
    ) -> Option<(f64, f64)> {
        let plane = self.layout.place(Role::PlaneX).is_some();
        let (x, y) = if plane {
            (Role::PlaneX, Role::PlaneY)
        } else {
            (Role::Lat, Role::Lon)
        };
        let (x, y) = (self.get(x), self.get(y));
        if x.is_none() && y.is_none() {
            return None;
        }
        if plane {
            for (key, text) in [("srx", x), ("sry", y)] {
                if let Some(text) = text {
                    attributes.insert(key.to_owned(), Value::from(text));
                }
            }
        }
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
        let found = match (number(x), number(y)) {
            (Some(x), Some(y)) if plane => missouri_east_to_degrees(x, y),
            (Some(lat), Some(lon)) => usable(lat, lon).then_some((lat, lon)),
            _ => None,
        };
        if found.is_none() {
            let said = format!("{},{}", x.unwrap_or("blank"), y.unwrap_or("blank"));
            notes.push(Value::from(format!(
                "coordinates dropped: {}",
                super::text::head(&said, 80)
            )));
        }
        found
    }

    fn unit(&self) -> Option<String> {
        let unit = self.line(Role::Unit)?;
        let unit = unit.trim_end_matches(',').trim_end();
        (!unit.is_empty()).then(|| unit.to_owned())
    }

    fn note(&self) -> Option<String> {
        let mut note = self
            .get(Role::Note)
            .map(|text| clean(text).into_owned())
            .unwrap_or_default();
        if let Some(more) = self.get(Role::Note2) {
            join(&mut note, &clean(more));
        }
        (!note.is_empty()).then_some(note)
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(RowCode::TimestampInvalid, message)
}

fn usable(lat: f64, lon: f64) -> bool {
    (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) && (lat != 0.0 || lon != 0.0)
}

fn verdict(word: &str) -> Option<bool> {
    if word.eq_ignore_ascii_case("ontime") {
        Some(true)
    } else if word.eq_ignore_ascii_case("overdue") {
        Some(false)
    } else {
        None
    }
}
