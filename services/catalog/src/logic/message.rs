//! Messages in channels.

use brisk_db::{Asked, Session};
use brisk_http::Numbered;

use super::list::Lists;
use crate::error::Error;
use crate::model::Rules;
use crate::model::message::{Message, NewMessage};
use crate::state::CatalogState;
pub(crate) use crate::store::message::LIST;
use crate::store::message::Messages;

/// A page of messages, the newest first. Nobody counts them.
///
/// # Errors
///
/// As [`Lists::page`].
pub(crate) async fn page(
    lists: &Lists,
    session: &Session,
    asked: Asked,
) -> Result<Numbered<Message>, Error> {
    let asked = asked.by_cursor();
    lists
        .page(session, &LIST, &asked, async |messages| Ok(messages))
        .await
}

/// Says something in the caller's name.
///
/// # Errors
///
/// [`Error::Fields`].
pub(crate) async fn create(
    state: &CatalogState,
    session: &Session,
    new: NewMessage,
) -> Result<Message, Error> {
    let mut rules = Rules::default();
    new.check(&mut rules);
    rules.finish()?;
    let sender = session.scope().principal().subject.clone();
    Ok(Messages(session)
        .insert(new, sender, state.clock.now())
        .await?)
}
