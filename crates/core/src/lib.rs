//! What every other crate of Brisk agrees on: ids, the clock, classes of failure and the scope of a piece of work.
//!
//! Nothing here reads a socket, a file or a database, so that a domain rule can use it and stay pure. The one
//! surprising decision: a [`Scope`] always has a tenant. Work that belongs to no tenant runs under
//! [`TenantId::PLATFORM`], so "which tenant?" has an answer in every log line and every statement.
extern crate self as brisk_core;

mod clock;
mod deadline;
mod failure;
mod hold;
mod ids;
mod ledger;
mod permission;
mod principal;
mod print;
mod scope;
mod ticks;
mod trace;

pub use clock::{Clock, Ids};
pub use deadline::Deadline;
pub use failure::{Class, Failure, FieldError};
pub use hold::{Hold, Outgoing, TRANSACTIONS_HELD, outside_transaction};
pub use ids::TenantId;
#[doc(hidden)]
pub use jiff as __jiff;
pub use ledger::{Layer, Ledger, StatementUse, Summary};
pub use permission::Permissions;
pub use principal::{Origin, Principal, PrincipalKind, Profile, Role, SignIn};
pub use print::{Print, PrintKind};
pub use scope::{RequestId, Scope};
#[doc(hidden)]
pub use serde as __serde;
pub use ticks::Ticks;
pub use trace::{
    AnswerShape, Excuse, FindingKind, Looked, MOST_EVENTS, Site, Trace, TraceEvent, Way,
};
