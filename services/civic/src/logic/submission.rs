//! What a reporter sends, checked whole: every wrong field is named at once.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::contact::Contact;
use crate::model::text::clean;
use crate::model::{Category, FieldError, FieldErrors, Severity};
use crate::settings::TenantSettings;

/// Characters of a description at least, after trimming.
pub(crate) const MIN_DESCRIPTION: usize = 10;
/// Characters of a location at most.
const MAX_LOCATION: usize = 255;
/// Media links of one report at most, and characters of each.
const MAX_MEDIA: usize = 5;
const MAX_MEDIA_URL: usize = 2_048;
/// Characters of a client's reference at most.
const MAX_CLIENT_REF: usize = 128;
/// How far a reporter's clock may be ahead of ours.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A report as it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Submission {
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) category: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) media: Vec<String>,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) contact: Option<Contact>,
    pub(crate) client_ref: Option<String>,
    pub(crate) public: Option<bool>,
}

/// A report that may be stored.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) description: String,
    pub(crate) location: Option<String>,
    pub(crate) point: Option<(f64, f64)>,
    pub(crate) category: Option<Category>,
    pub(crate) service_code: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) media: Option<Value>,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) contact: Option<Contact>,
    pub(crate) client_ref: Option<String>,
    pub(crate) public: bool,
}

impl Submission {
    /// Checks every field against the rules and the tenant's settings; `may_date` says whether the caller may say
    /// when it was submitted.
    pub(crate) fn check(
        self,
        settings: &TenantSettings,
        may_date: bool,
        now: Timestamp,
    ) -> Result<Checked, FieldErrors> {
        let mut wrong = Wrong::default();
        let intake = &settings.config.intake;
        let description = clean(&self.description).trim().to_owned();
        let length = description.chars().count();
        let longest = usize::try_from(intake.max_description).unwrap_or(usize::MAX);
        if length < MIN_DESCRIPTION {
            wrong.push(
                "description",
                "description_too_short",
                "needs at least 10 characters that say what it is",
            );
        } else if length > longest {
            wrong.push(
                "description",
                "description_too_long",
                format!("has {length} characters, {longest} are allowed"),
            );
        }
        let location = self
            .location
            .map(|l| clean(&l).trim().to_owned())
            .filter(|l| !l.is_empty());
        if location
            .as_ref()
            .is_some_and(|l| l.chars().count() > MAX_LOCATION)
        {
            wrong.push(
                "location",
                "location_too_long",
                "has more than 255 characters",
            );
        }
        let point = point(&mut wrong, self.lat, self.lon);
        if let (Some((lat, lon)), Some([south, west, north, east])) = (point, intake.bounds)
            && !((south..=north).contains(&lat) && (west..=east).contains(&lon))
        {
            wrong.push(
                "lat",
                "outside_service_area",
                "lies outside of the area that is served",
            );
        }
        if intake.require_location && location.is_none() && point.is_none() && self.lat.is_none() {
            wrong.push(
                "location",
                "location_required",
                "say where it is, in words or by lat and lon",
            );
        }
        let (category, service_code) = match self.category.as_deref() {
            None => (None, None),
            Some(word) => match (Category::parse(word), settings.category_by_code(word)) {
                (Some(base), _) => (Some(base), None),
                (None, Some(service)) => (
                    Some(service.fields.base_category),
                    Some(service.fields.code.clone()),
                ),
                (None, None) => {
                    wrong.push(
                        "category",
                        "category_unknown",
                        format!("{word:?} is not a category here"),
                    );
                    (None, None)
                }
            },
        };
        let severity = self.severity.as_deref().and_then(|word| {
            let found = Severity::parse(word);
            if found.is_none() {
                wrong.push(
                    "severity",
                    "severity_unknown",
                    "is one of low, medium, high, critical",
                );
            }
            found
        });
        check_media(&mut wrong, &self.media, &intake.media_hosts);
        if let Some(at) = self.submitted_at {
            if !may_date {
                wrong.push(
                    "submitted_at",
                    "timestamp_invalid",
                    "may be given by agents and importers only",
                );
            } else if at.duration_since(now) > MAX_AHEAD {
                wrong.push("submitted_at", "timestamp_invalid", "lies in the future");
            }
        }
        if let Some(contact) = &self.contact {
            check_contact(&mut wrong, contact);
        }
        if let Some(text) = &self.client_ref
            && (text.is_empty()
                || text.len() > MAX_CLIENT_REF
                || !text.bytes().all(|b| (b' '..=b'~').contains(&b)))
        {
            wrong.push(
                "client_ref",
                "client_ref_invalid",
                "is 1 to 128 printable ASCII characters",
            );
        }
        if !wrong.0.is_empty() {
            return Err(FieldErrors(wrong.0));
        }
        let media = (!self.media.is_empty()).then(|| {
            self.media
                .iter()
                .map(|url| serde_json::json!({ "url": url, "kind": "link" }))
                .collect()
        });
        Ok(Checked {
            description,
            location,
            point,
            category,
            service_code,
            severity,
            media,
            submitted_at: self.submitted_at,
            contact: self.contact.filter(|c| *c != Contact::default()),
            client_ref: self.client_ref,
            public: self.public.unwrap_or(true),
        })
    }
}

#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn push(&mut self, field: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            code,
            message: message.into(),
        });
    }
}

fn point(wrong: &mut Wrong, lat: Option<f64>, lon: Option<f64>) -> Option<(f64, f64)> {
    match (lat, lon) {
        (None, None) => None,
        (Some(lat), Some(lon)) => {
            let on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
            if on_earth && !(lat == 0.0 && lon == 0.0) {
                return Some((lat, lon));
            }
            wrong.push(
                "lat",
                "coordinates_invalid",
                "lat is -90 to 90, lon is -180 to 180, and 0, 0 is no place",
            );
            None
        }
        _ => {
            let missing = if lat.is_none() { "lat" } else { "lon" };
            wrong.push(missing, "coordinates_invalid", "lat and lon come together");
            None
        }
    }
}

fn check_media(wrong: &mut Wrong, media: &[String], hosts: &[String]) {
    if media.len() > MAX_MEDIA {
        wrong.push("media", "media_invalid", "at most 5 links");
    }
    for (i, url) in media.iter().enumerate().take(MAX_MEDIA) {
        let host = url.strip_prefix("https://").map(|rest| {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            rest[..end].to_ascii_lowercase()
        });
        let known = host.is_some_and(|host| hosts.iter().any(|h| h.eq_ignore_ascii_case(&host)));
        if url.len() > MAX_MEDIA_URL || !known {
            wrong.push(
                format!("media[{i}]"),
                "media_invalid",
                "is an https link of up to 2,048 characters to a host that this tenant allows",
            );
        }
    }
}

fn check_contact(wrong: &mut Wrong, contact: &Contact) {
    let email_ok = contact.email.as_deref().is_none_or(|email| {
        let email = email.trim();
        email.len() <= 254
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && email.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && host.contains('.')
                    && !host.starts_with('.')
                    && !host.ends_with('.')
            })
    });
    if !email_ok {
        wrong.push("contact.email", "contact_invalid", "is not a mail address");
    }
    let phone_ok = contact.phone.as_deref().is_none_or(|phone| {
        let digits = phone.bytes().filter(u8::is_ascii_digit).count();
        (5..=15).contains(&digits)
            && phone
                .chars()
                .all(|c| c.is_ascii_digit() || " +-()./".contains(c))
    });
    if !phone_ok {
        wrong.push(
            "contact.phone",
            "contact_invalid",
            "is not a telephone number",
        );
    }
    if contact
        .name
        .as_deref()
        .is_some_and(|name| name.chars().count() > 200)
    {
        wrong.push(
            "contact.name",
            "contact_invalid",
            "has more than 200 characters",
        );
    }
}
