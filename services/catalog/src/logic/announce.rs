//! Tells whoever listens what has changed, whoever changed it, on whichever node.
//!
//! Each node hears of every commit and tells its own listeners; nobody who writes tells anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use brisk::Task;
use brisk_core::{Scope, TenantId};
use brisk_db::{Cell, Change, Commit, Event, What};
use brisk_ws::Room;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::ids::MessageId;
use crate::state::CatalogState;
use crate::store::message::GET;

/// The number of "something has changed".
const ENTITY_CHANGED: i32 = 100;

/// The number of "somebody has said something".
const MESSAGE_POSTED: i32 = 101;

/// Rows of a table that one commit changes and that are named one by one; of more, listeners hear that there are many. So an
/// import fills nobody's queue.
const MOST_NAMED: usize = 64;

/// How long the texts of messages are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Table, model, and topic or family of topics.
const WATCHED: [(&str, &str, &str); 5] = [
    ("catalog_authors", "Author", "authors"),
    ("catalog_books", "Book", "books"),
    ("catalog_reviews", "Review", "reviews"),
    ("catalog_profiles", "Profile", "profiles"),
    (MESSAGES, "Message", "messages"),
];

const MESSAGES: &str = "catalog_messages";

/// What has changed; without an id where that is any number of rows.
#[derive(Debug, Serialize)]
struct Changed {
    model: &'static str,
    id: Value,
    op: &'static str,
}

/// The task that tells.
pub(crate) fn task(state: CatalogState, room: Room) -> Task {
    Task::new("catalog.announce", move |stop| {
        listen(state.clone(), room.clone(), stop)
    })
}

async fn listen(state: CatalogState, room: Room, stop: CancellationToken) {
    let mut changes = state.db.changes().subscribe();
    loop {
        let event = tokio::select! {
            event = changes.next() => event,
            () = stop.cancelled() => return,
        };
        match event {
            Some(Event::Committed(commit)) => tell(&state, &room, &commit).await,
            Some(Event::Reset(_)) => {
                for (table, ..) in WATCHED {
                    many(&room, None, table);
                }
            }
            Some(Event::Wrote(_) | Event::Lost | Event::Trusted | Event::Reached(_)) => {}
            None => return,
        }
    }
}

async fn tell(state: &CatalogState, room: &Room, commit: &Commit) {
    let mut by_table: BTreeMap<_, Vec<&Change>> = BTreeMap::new();
    for change in &commit.changes {
        let place = (change.tenant, &*change.table);
        by_table.entry(place).or_default().push(change);
    }
    for ((tenant, table), changes) in by_table {
        let is_named = |change: &&Change| matches!(change.what, What::Row { .. });
        match tenant {
            Some(tenant) if changes.len() <= MOST_NAMED && changes.iter().all(is_named) => {
                each(state, room, tenant, &changes).await;
            }
            _ => many(room, tenant, table),
        }
    }
}

/// Says that any number of rows of a table may have changed.
fn many(room: &Room, tenant: Option<TenantId>, table: &str) {
    if let Some((_, model, topic)) = WATCHED.into_iter().find(|(of, ..)| *of == table) {
        let changed = Changed {
            model,
            id: Value::Null,
            op: "changed",
        };
        room.publish_to_family(tenant, topic, ENTITY_CHANGED, &changed);
    }
}

/// Names each changed row of one table.
async fn each(state: &CatalogState, room: &Room, tenant: TenantId, changes: &[&Change]) {
    let mut said = Vec::new();
    for change in changes {
        let watched = WATCHED.into_iter().find(|(of, ..)| *of == &*change.table);
        let (Some((table, model, topic)), What::Row { key, old, new }) = (watched, &change.what)
        else {
            continue;
        };
        let news = Changed {
            model,
            id: key
                .iter()
                .next()
                .map_or(Value::Null, |(_, cell)| json(cell)),
            op: match (old, new) {
                (None, _) => "created",
                (Some(_), Some(_)) => "updated",
                (Some(_), None) => "deleted",
            },
        };
        if table != MESSAGES {
            room.publish(tenant, topic, ENTITY_CHANGED, &news);
            continue;
        }
        let cells = new.as_ref().or(old.as_ref());
        let channel = cells.and_then(|cells| cells.get("channel")?.as_text());
        let topic = format!("{topic}:{}", channel.unwrap_or_default());
        if !room.has_listeners(tenant, &topic) {
            continue;
        }
        match news.id.as_i64() {
            Some(id) if news.op == "created" => said.push((MessageId(id), topic)),
            _ => room.publish(tenant, &topic, ENTITY_CHANGED, &news),
        }
    }
    if !said.is_empty() {
        messages(state, room, tenant, said).await;
    }
}

/// Tells new messages with their texts, in their order.
async fn messages(
    state: &CatalogState,
    room: &Room,
    tenant: TenantId,
    said: Vec<(MessageId, String)>,
) {
    let scope = Scope::system(tenant, "catalog.announce").shortened(PATIENCE);
    let session = state.db.session(scope);
    let ids = said.iter().map(|(id, _)| *id).collect();
    match session.load_many(&GET, ids).await {
        Ok(found) => {
            for ((_, topic), message) in said.iter().zip(found) {
                if let Some(message) = message {
                    room.publish(tenant, topic, MESSAGE_POSTED, &message);
                }
            }
        }
        Err(e) => {
            tracing::warn!(error = %e, "listeners hear of new messages without their texts");
            for (id, topic) in said {
                let changed = Changed {
                    model: "Message",
                    id: id.get().into(),
                    op: "created",
                };
                room.publish(tenant, &topic, ENTITY_CHANGED, &changed);
            }
        }
    }
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Int(n) => (*n).into(),
        Cell::Text(text) => text.to_string().into(),
        Cell::Null | Cell::Bytes(_) => Value::Null,
    }
}
