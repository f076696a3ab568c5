//! A tenant's service level policies. A change does not touch the promises that issues have.

use brisk_db::{Constraint, Error as DbError, Session};
use serde_json::Value;

use super::Setup;
use super::setup::{broken, room};
use crate::error::Error;
use crate::model::setup::{PolicyFields, SetupRow, overlay};
use crate::store::Slice;
use crate::store::sla_policy::Policies;

/// The most policies of one tenant: all 35 combinations, changed once a month for five years.
const MOST: i64 = 2_000;
const NOT_FOUND: Error = Error::NotFound { what: "policy" };

pub(crate) async fn get(setup: &Setup, id: i64) -> Result<SetupRow<PolicyFields>, Error> {
    let fields = Policies(&setup.session).get(id).await?;
    Ok(SetupRow::new(setup.tenant(), id, fields.ok_or(NOT_FOUND)?))
}

pub(crate) async fn page(
    setup: &Setup,
    slice: Slice,
) -> Result<Vec<SetupRow<PolicyFields>>, DbError> {
    let rows = Policies(&setup.session).page(slice).await?;
    let row = |(id, fields)| SetupRow::new(setup.tenant(), id, fields);
    Ok(rows.into_iter().map(row).collect())
}

pub(crate) async fn count(setup: &Setup) -> Result<i64, DbError> {
    Policies(&setup.session).count().await
}

pub(crate) async fn create(setup: &Setup, body: &Value) -> Result<SetupRow<PolicyFields>, Error> {
    let fields = PolicyFields::read(body, setup.clock.now())?;
    let policies = Policies(&setup.session);
    room(policies.count().await?, MOST, "policies")?;
    let inserted = policies.insert(&fields).await;
    let id = inserted.map_err(|e| refusal(e.into()))?;
    Ok(SetupRow::new(setup.tenant(), id, fields))
}

pub(crate) async fn update(
    setup: &Setup,
    id: i64,
    change: &Value,
) -> Result<SetupRow<PolicyFields>, Error> {
    let now = setup.clock.now();
    let write = setup.session.transaction(async |session: Session| {
        let policies = Policies(&session);
        let stored = policies.get_for_update(id).await?.ok_or(NOT_FOUND)?;
        let fields = PolicyFields::read(&overlay(&stored, change), now)?;
        policies.update(id, &fields).await?;
        Ok(SetupRow::new(session.tenant(), id, fields))
    });
    write.await.map_err(refusal)
}

pub(crate) async fn delete(setup: &Setup, id: i64) -> Result<(), Error> {
    let policies = Policies(&setup.session);
    if policies.in_use(id).await? {
        return Err(Error::InUse {
            what: "policy",
            by: "issues that are not done live by it; give it an effective_to instead",
        });
    }
    match policies.delete(id).await? {
        0 => Err(NOT_FOUND),
        _ => Ok(()),
    }
}

fn refusal(error: Error) -> Error {
    match broken(&error) {
        Some(Constraint::Unique) => Error::Exists { what: "policy" },
        Some(Constraint::ForeignKey) => Error::field(
            "calendar_id",
            "unknown_calendar",
            "is not a calendar of this tenant",
        ),
        _ => error,
    }
}
