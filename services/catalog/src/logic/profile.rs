//! Profiles.

use brisk_db::Session;

use crate::error::{Error, not_found};
use crate::model::Rules;
use crate::model::profile::{NewProfile, Profile};
use crate::state::CatalogState;
use crate::store::profile::Profiles;

/// The longest name of a user.
const LONGEST_USER: usize = 255;

/// A profile.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(session: &Session, user: String) -> Result<Profile, Error> {
    let found = Profiles(session).get(user.clone()).await?;
    found.ok_or_else(|| not_found("Profile", user))
}

/// Writes all of a profile; every node knows it with the commit.
///
/// # Errors
///
/// [`Error::Fields`].
pub(crate) async fn put(
    state: &CatalogState,
    session: &Session,
    user: String,
    new: NewProfile,
) -> Result<Profile, Error> {
    let mut rules = Rules::default();
    rules.length("user_id", &user, 1..=LONGEST_USER);
    new.check(&mut rules);
    rules.finish()?;
    Ok(Profiles(session).put(user, new, state.clock.now()).await?)
}
