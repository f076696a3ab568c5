//! A tenant's own categories.

use brisk_db::{Constraint, Error as DbError, Session};
use serde_json::Value;

use super::Setup;
use super::setup::{broken, room};
use crate::error::Error;
use crate::model::setup::{ServiceFields, SetupRow, overlay};
use crate::store::Slice;
use crate::store::category::Categories;

/// The most categories of one tenant.
const MOST: i64 = 1_000;
const NOT_FOUND: Error = Error::NotFound { what: "category" };

pub(crate) async fn get(setup: &Setup, id: i64) -> Result<SetupRow<ServiceFields>, Error> {
    let fields = Categories(&setup.session).get(id).await?;
    Ok(SetupRow::new(setup.tenant(), id, fields.ok_or(NOT_FOUND)?))
}

pub(crate) async fn page(
    setup: &Setup,
    slice: Slice,
) -> Result<Vec<SetupRow<ServiceFields>>, DbError> {
    let rows = Categories(&setup.session).page(slice).await?;
    let row = |(id, fields)| SetupRow::new(setup.tenant(), id, fields);
    Ok(rows.into_iter().map(row).collect())
}

pub(crate) async fn count(setup: &Setup) -> Result<i64, DbError> {
    Categories(&setup.session).count().await
}

pub(crate) async fn create(setup: &Setup, body: &Value) -> Result<SetupRow<ServiceFields>, Error> {
    let fields = ServiceFields::read(body)?;
    let categories = Categories(&setup.session);
    room(categories.count().await?, MOST, "categories")?;
    let inserted = categories.insert(fields.clone()).await;
    let id = inserted.map_err(|e| refusal(e.into()))?;
    Ok(SetupRow::new(setup.tenant(), id, fields))
}

pub(crate) async fn update(
    setup: &Setup,
    id: i64,
    change: &Value,
) -> Result<SetupRow<ServiceFields>, Error> {
    let write = setup.session.transaction(async |session: Session| {
        let categories = Categories(&session);
        let stored = categories.get_for_update(id).await?.ok_or(NOT_FOUND)?;
        let fields = ServiceFields::read(&overlay(&stored, change))?;
        if fields.code != stored.code {
            // Reports name it, and clients of Open311 keep it.
            return Err(Error::field(
                "code",
                "immutable",
                "cannot be changed; make a new category and set this one inactive",
            ));
        }
        categories.update(id, fields.clone()).await?;
        Ok(SetupRow::new(session.tenant(), id, fields))
    });
    write.await.map_err(refusal)
}

pub(crate) async fn delete(setup: &Setup, id: i64) -> Result<(), Error> {
    let categories = Categories(&setup.session);
    let stored = categories.get(id).await?.ok_or(NOT_FOUND)?;
    if categories.in_use(&stored.code).await? {
        return Err(Error::InUse {
            what: "category",
            by: "reports name it; set it inactive instead",
        });
    }
    match categories.delete(id).await? {
        0 => Err(NOT_FOUND),
        _ => Ok(()),
    }
}

fn refusal(error: Error) -> Error {
    match broken(&error) {
        Some(Constraint::Unique) => Error::Exists { what: "category" },
        _ => error,
    }
}
