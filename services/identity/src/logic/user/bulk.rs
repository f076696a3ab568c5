//! Many people are made at once.

use std::collections::{HashMap, HashSet};

use brisk_core::{FieldError, Scope};
use brisk_db::{Batch, Json, OnConflict, Session};
use serde_json::json;

use crate::error::Error;
use crate::ids::{RoleId, UserId};
use crate::logic::audit::entry;
use crate::logic::register::check_person;
use crate::logic::rights::may_give;
use crate::logic::tenant;
use crate::model::audit::Device;
use crate::model::role::Role;
use crate::model::tenant_rules::TenantRules;
use crate::model::user::{UserStatus, name_norm};
use crate::state::IdentityState;
use crate::store::role_admin::RoleAdmin;
use crate::store::user_admin::{NewUserRow, UserAdmin, UserRoleRow};

/// The most rows of one call.
pub(crate) const MOST: usize = 1_000;

/// Rows of one insert.
const ROWS: usize = 200;

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct BulkPerson {
    pub(crate) email: String,
    pub(crate) full_name: String,
    /// The tenant's defaults where it is none.
    pub(crate) role_ids: Option<Vec<RoleId>>,
}

/// What became of each row: a user, or what is wrong with it.
pub(crate) type BulkResult = Vec<Result<UserId, Vec<FieldError>>>;

fn one(field: &'static str, code: &'static str, message: &'static str) -> Vec<FieldError> {
    vec![FieldError::new(field, code, message)]
}

/// A row that can be stored as far as it can be said without the database.
struct Sound<'a> {
    id: UserId,
    row: NewUserRow,
    roles: Vec<&'a Role>,
}

/// Reads one row.
fn sound<'a>(
    state: &IdentityState,
    session: &Session,
    own: &TenantRules,
    roles: &'a HashMap<RoleId, Role>,
    person: &BulkPerson,
) -> Result<Sound<'a>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let email = check_person(&person.email, &person.full_name, &mut errors);
    if email.as_ref().is_some_and(|email| !own.admits(email)) {
        errors.push(TenantRules::refusal());
    }
    let Some(email) = email.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };
    let unknown = || one("role_ids", "unknown_role", "is no role of this tenant");
    let roles: Vec<&Role> = match &person.role_ids {
        Some(ids) => {
            let ids: HashSet<_> = ids.iter().collect();
            let found: Option<Vec<_>> = ids.into_iter().map(|id| roles.get(id)).collect();
            found.ok_or_else(unknown)?
        }
        None => roles.values().filter(|role| role.is_default).collect(),
    };
    let given: Vec<Role> = roles.iter().map(|&role| role.clone()).collect();
    if may_give(session, &given).is_err() {
        let message = "allows what the caller may not do";
        return Err(one("role_ids", "forbidden", message));
    }
    let (id, now) = (UserId(state.ids.uuid()), state.clock.now());
    let full_name = person.full_name.trim().to_owned();
    let row = NewUserRow {
        id,
        tenant_id: session.tenant(),
        email: email.typed,
        email_norm: email.norm,
        name_norm: name_norm(&full_name),
        full_name,
        status: UserStatus::Invited,
        metadata: Json(json!({})),
        created_at: now,
        updated_at: now,
    };
    Ok(Sound { id, row, roles })
}

/// Makes the people of all rows that can be; the others are told.
///
/// # Errors
///
/// [`Error::Fields`] for too many rows; [`Error::Conflict`] where somebody else took one of the addresses meanwhile, and then
/// nothing is stored.
pub(crate) async fn create_many(
    state: &IdentityState,
    scope: &Scope,
    people: &[BulkPerson],
    device: &Device,
) -> Result<BulkResult, Error> {
    if people.is_empty() || people.len() > MOST {
        let message = format!("must be 1 to {MOST} rows");
        return Err(Error::field("users", "out_of_range", message));
    }
    let own = tenant::rules(state, scope.tenant()).await?;
    let session = state.db.session(scope.clone());
    let emails = people.iter();
    let emails = emails.filter_map(|p| crate::model::email::Email::parse(&p.email));
    let emails: Vec<String> = emails.map(|email| email.norm).collect();
    session
        .transaction(async |session: Session| {
            let roles = RoleAdmin(&session).list().await?;
            let roles: HashMap<_, _> = roles.into_iter().map(|role| (role.id, role)).collect();
            let taken = UserAdmin(&session).taken(emails.clone()).await?;
            let mut seen: HashSet<String> = taken.into_iter().collect();
            let mut results: BulkResult = Vec::with_capacity(people.len());
            let (mut rows, mut grants, mut notes) = (Vec::new(), Vec::new(), Vec::new());
            let by = session.scope().principal().id;
            for person in people {
                let read = sound(state, &session, &own, &roles, person);
                results.push(read.and_then(|sound| {
                    if !seen.insert(sound.row.email_norm.clone()) {
                        let message = "somebody in the tenant has this e-mail address";
                        return Err(one("email", "conflict", message));
                    }
                    grants.extend(sound.roles.iter().map(|role| UserRoleRow {
                        tenant_id: session.tenant(),
                        user_id: sound.id,
                        role_id: role.id,
                        granted_by: Some(by),
                        granted_at: sound.row.created_at,
                    }));
                    let note = entry(&session, "user.created", device).on("user", sound.id);
                    notes.push(note.with("bulk", true));
                    rows.push(sound.row);
                    Ok(sound.id)
                }));
            }
            let mut batch = Batch::new();
            let mut rest = rows.into_iter().peekable();
            while rest.peek().is_some() {
                let some: Vec<_> = rest.by_ref().take(ROWS).collect();
                batch.insert_many(some, OnConflict::Fail);
            }
            batch.insert_many(grants, OnConflict::Skip);
            state.audit.add(&mut batch, notes);
            let wrote = session.batch(batch).await;
            wrote.map_err(|error| match error.unique_rule() {
                Some(_) => Error::Conflict {
                    field: "email",
                    detail: "one of these people was made meanwhile; send them again",
                },
                None => Error::Db(error),
            })?;
            Ok(results)
        })
        .await
}
