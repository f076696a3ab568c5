//! Messages.

use brisk_core::TenantId;
use brisk_db::Operator::Eq;
use brisk_db::{Error, Filter, Listing, One, PerPage, Session, statements};
use jiff::Timestamp;

use crate::ids::MessageId;
use crate::model::message::{Message, NewMessage};

/// What can be asked of the messages: those of a channel, the newest first.
pub(crate) static LIST: Listing<Message> = Listing {
    name: "catalog.message.page",
    count: "catalog.message.count",
    table: "catalog_messages",
    filters: &[Filter::texts("channel", &[Eq])],
    sorts: &[],
    usual_sort: "-id",
    relations: &[],
    per_page: PerPage {
        usual: 50,
        ..PerPage::USUAL
    },
    id: |message| message.id.get(),
};

statements! {
    prefix "catalog.message";

    /// Messages that somebody has just said.
    pub(crate) load GET(id: MessageId) -> Option<Message> in "catalog_messages";

    /// Says something.
    INSERT(tenant: TenantId, channel: String, sender_id: String, sender_name: String, body: String, now: Timestamp) -> One<Message>
        = "INSERT INTO catalog_messages (tenant_id, channel, sender_id, sender_name, body, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, channel, sender_id, sender_name, body, created_at";
}

/// Everything asked of `catalog_messages`; each statement filters by the session's tenant.
pub(crate) struct Messages<'a>(pub(crate) &'a Session);

impl Messages<'_> {
    pub(crate) async fn insert(
        &self,
        new: NewMessage,
        sender: String,
        now: Timestamp,
    ) -> Result<Message, Error> {
        let tenant = self.0.tenant();
        let params = (tenant, new.channel, sender.clone(), sender, new.body, now);
        self.0.run(&INSERT, params).await
    }
}
