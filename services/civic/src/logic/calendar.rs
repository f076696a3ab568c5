//! A tenant's calendars.

use brisk_db::{Constraint, Error as DbError, Session};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::Setup;
use super::setup::{broken, room};
use crate::error::Error;
use crate::model::calendar::Calendar;
use crate::model::setup::{CalendarFields, SetupRow, calendar_fields, overlay};
use crate::store::Slice;
use crate::store::calendar::{CalendarRow, Calendars};

/// The most calendars of one tenant.
const MOST: i64 = 200;
const NOT_FOUND: Error = Error::NotFound { what: "calendar" };

fn row(session: &Session, row: &CalendarRow) -> Result<SetupRow<CalendarFields>, Error> {
    let calendar = Calendar::from_json(&row.definition()).map_err(|e| Error::Stored {
        what: "calendar",
        id: row.id,
        reason: e.to_string(),
    })?;
    let fields = CalendarFields {
        name: row.name.clone(),
        definition: calendar.definition().clone(),
    };
    Ok(SetupRow::new(session.tenant(), row.id, fields).since(row.created_at))
}

fn today(setup: &Setup) -> Date {
    setup.clock.now().to_zoned(TimeZone::UTC).date()
}

pub(crate) async fn get(setup: &Setup, id: i64) -> Result<SetupRow<CalendarFields>, Error> {
    let found = Calendars(&setup.session).get(id).await?;
    row(&setup.session, &found.ok_or(NOT_FOUND)?)
}

pub(crate) async fn page(
    setup: &Setup,
    slice: Slice,
) -> Result<Vec<SetupRow<CalendarFields>>, Error> {
    let rows = Calendars(&setup.session).page(slice).await?;
    rows.iter().map(|r| row(&setup.session, r)).collect()
}

pub(crate) async fn count(setup: &Setup) -> Result<i64, DbError> {
    Calendars(&setup.session).count().await
}

pub(crate) async fn create(setup: &Setup, body: &Value) -> Result<SetupRow<CalendarFields>, Error> {
    let (name, calendar) = calendar_fields(body, today(setup))?;
    let definition = calendar.definition().clone();
    let calendars = Calendars(&setup.session);
    let now = setup.clock.now();
    room(calendars.count().await?, MOST, "calendars")?;
    let inserted = calendars.insert(name.clone(), &definition, now).await;
    let id = inserted.map_err(|e| refusal(e.into()))?;
    let fields = CalendarFields { name, definition };
    Ok(SetupRow::new(setup.tenant(), id, fields).since(now))
}

pub(crate) async fn update(
    setup: &Setup,
    id: i64,
    change: &Value,
) -> Result<SetupRow<CalendarFields>, Error> {
    let today = today(setup);
    let write = setup.session.transaction(async |session: Session| {
        let calendars = Calendars(&session);
        let found = calendars.get_for_update(id).await?.ok_or(NOT_FOUND)?;
        let stored = row(&session, &found)?;
        let (name, calendar) = calendar_fields(&overlay(&stored.fields, change), today)?;
        let definition = calendar.definition().clone();
        calendars.update(id, name.clone(), &definition).await?;
        let fields = CalendarFields { name, definition };
        Ok(SetupRow { fields, ..stored })
    });
    write.await.map_err(refusal)
}

pub(crate) async fn delete(setup: &Setup, id: i64) -> Result<(), Error> {
    let calendars = Calendars(&setup.session);
    if calendars.in_use(id).await? {
        return Err(Error::InUse {
            what: "calendar",
            by: "the promises of issues are counted by it",
        });
    }
    match calendars.delete(id).await.map_err(Error::from) {
        Ok(0) => Err(NOT_FOUND),
        Ok(_) => Ok(()),
        Err(e) if broken(&e) == Some(Constraint::ForeignKey) => Err(Error::InUse {
            what: "calendar",
            by: "policies refer to it",
        }),
        Err(e) => Err(e),
    }
}

fn refusal(error: Error) -> Error {
    match broken(&error) {
        Some(Constraint::Unique) => Error::Exists { what: "calendar" },
        _ => error,
    }
}
