//! Areas: zones inside a tenant, nested without circles.

use std::collections::HashMap;

use brisk_db::{Constraint, Error as DbError, Session};
use serde_json::Value;

use super::Setup;
use super::setup::{broken, room};
use crate::error::Error;
use crate::model::setup::{AreaFields, AreaSummary, Boundary, SetupRow, overlay};
use crate::store::Slice;
use crate::store::area::{AreaLine, AreaRow, Areas};

/// The most areas of one tenant.
const MOST: i64 = 2_000;
const NOT_FOUND: Error = Error::NotFound { what: "area" };

fn row(session: &Session, row: AreaRow) -> SetupRow<AreaFields> {
    let fields = AreaFields {
        name: row.name,
        code: row.code,
        parent_id: row.parent_id,
        boundary: row.boundary.map(|json| json.0),
    };
    SetupRow::new(session.tenant(), row.id, fields).since(row.created_at)
}

fn summary(session: &Session, line: AreaLine) -> AreaSummary {
    let bounds = (line.min_lat, line.min_lon, line.max_lat, line.max_lon);
    AreaSummary {
        id: line.id,
        tenant_id: session.tenant(),
        name: line.name,
        code: line.code,
        parent_id: line.parent_id,
        bounds: match bounds {
            (Some(south), Some(west), Some(north), Some(east)) => Some([south, west, north, east]),
            _ => None,
        },
        created_at: line.created_at,
    }
}

pub(crate) async fn get(setup: &Setup, id: i64) -> Result<SetupRow<AreaFields>, Error> {
    let found = Areas(&setup.session).get(id).await?;
    Ok(row(&setup.session, found.ok_or(NOT_FOUND)?))
}

pub(crate) async fn page(setup: &Setup, slice: Slice) -> Result<Vec<AreaSummary>, DbError> {
    let lines = Areas(&setup.session).page(slice).await?;
    Ok(lines
        .into_iter()
        .map(|line| summary(&setup.session, line))
        .collect())
}

pub(crate) async fn count(setup: &Setup) -> Result<i64, DbError> {
    Areas(&setup.session).count().await
}

pub(crate) async fn create(setup: &Setup, body: &Value) -> Result<SetupRow<AreaFields>, Error> {
    let (fields, boundary) = AreaFields::read(body)?;
    let session = &setup.session;
    let now = setup.clock.now();
    let bounds = boundary.as_ref().map(Boundary::bounds);
    room(Areas(session).count().await?, MOST, "areas")?;
    let inserted = Areas(session).insert(fields.clone(), bounds, now).await;
    let id = inserted.map_err(|e| refusal(e.into()))?;
    Ok(SetupRow::new(session.tenant(), id, fields).since(now))
}

pub(crate) async fn update(
    setup: &Setup,
    id: i64,
    change: &Value,
) -> Result<SetupRow<AreaFields>, Error> {
    let moves = change.get("parent_id").is_some_and(|p| !p.is_null());
    let write = setup.session.transaction(async |session: Session| {
        let areas = Areas(&session);
        // All rows are locked in the order of their keys before one of them is, so that two moves wait for each other
        // instead of closing a circle together.
        let parents = if moves {
            areas.parents().await?
        } else {
            Vec::new()
        };
        let stored = row(&session, areas.get_for_update(id).await?.ok_or(NOT_FOUND)?);
        let (fields, boundary) = AreaFields::read(&overlay(&stored.fields, change))?;
        if let Some(parent) = fields.parent_id.filter(|_| moves) {
            let parents = parents.iter().map(|a| (a.id, a.parent_id)).collect();
            check_parent(id, parent, &parents)?;
        }
        let bounds = boundary.as_ref().map(Boundary::bounds);
        areas.update(id, fields.clone(), bounds).await?;
        Ok(SetupRow { fields, ..stored })
    });
    write.await.map_err(refusal)
}

/// The new parent is there and is not inside the area itself.
fn check_parent(id: i64, parent: i64, parents: &HashMap<i64, Option<i64>>) -> Result<(), Error> {
    if !parents.contains_key(&parent) {
        return Err(unknown_parent());
    }
    let mut above = Some(parent);
    // Bounded by the number of areas, should the table hold a circle already.
    for _ in 0..=parents.len() {
        match above {
            None => return Ok(()),
            Some(at) if at == id => break,
            Some(at) => above = parents.get(&at).copied().flatten(),
        }
    }
    Err(Error::field(
        "parent_id",
        "circular",
        "must not lie inside the area itself",
    ))
}

fn unknown_parent() -> Error {
    Error::field("parent_id", "unknown_area", "is not an area of this tenant")
}

pub(crate) async fn delete(setup: &Setup, id: i64) -> Result<(), Error> {
    match Areas(&setup.session).delete(id).await.map_err(Error::from) {
        Ok(0) => Err(NOT_FOUND),
        Ok(_) => Ok(()),
        Err(e) if broken(&e) == Some(Constraint::ForeignKey) => Err(Error::InUse {
            what: "area",
            by: "reports, issues or inner areas refer to it",
        }),
        Err(e) => Err(e),
    }
}

fn refusal(error: Error) -> Error {
    match broken(&error) {
        Some(Constraint::Unique) => Error::Exists { what: "area" },
        Some(Constraint::ForeignKey) => unknown_parent(),
        _ => error,
    }
}
