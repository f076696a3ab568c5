//! Ids: integers that the database hands out.

use brisk_core::int_id;
use brisk_db::id_column;

int_id! {
    /// An author.
    pub AuthorId
}

int_id! {
    /// A book.
    pub BookId
}

int_id! {
    /// A review.
    pub ReviewId
}

int_id! {
    /// A message.
    pub MessageId
}

int_id! {
    /// An entry of the audit log.
    pub ActionId
}

id_column!(AuthorId, BookId, ReviewId, MessageId, ActionId);
