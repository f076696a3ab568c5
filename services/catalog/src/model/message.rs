//! Messages in channels.

use brisk_db::FromRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use crate::ids::MessageId;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, utoipa::ToSchema)]
pub struct Message {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: MessageId,
    /// Where it was said.
    pub channel: String,
    /// Who said it: a token's subject.
    pub sender_id: String,
    /// The sender's name.
    pub sender_name: String,
    /// What was said.
    pub body: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A message as somebody writes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Where to say it, 1 to 100 characters; `general` where it is left out.
    #[serde(default = "general")]
    pub channel: String,
    /// 1 to 4,000 characters.
    pub body: String,
}

fn general() -> String {
    "general".to_owned()
}

impl NewMessage {
    pub(crate) fn check(&self, rules: &mut Rules) {
        rules.length("channel", &self.channel, 1..=100);
        rules.length("body", &self.body, 1..=4_000);
    }
}
