//! Keyed loads: callers of one scheduler tick share a statement.
//!
//! A load is declared once ([`Load`]) and asked for key by key, by whoever needs a row: [`Session::load`] puts the key
//! into the batch that is open for this load and tenant, and one `= ANY($n)` answers all that came meanwhile, those of
//! other requests too. A batch waits for no timer: the caller that opened it lets the others run, and when a round brings
//! nobody new, or the batch is full, it is sent, unless as many of this load are under way as may be. What fails for one
//! key is that key's alone.
//!
//! Parents with their children are a tuple that [`Session::with`] makes: a relation that was not loaded does not exist
//! in the type.
//!
//! [`Session::load`]: crate::Session::load
//! [`Session::with`]: crate::Session::with
mod answer;
mod answers;
mod batch;
mod declared;
mod flight;
mod joined;
mod queue;
mod relations;
mod single;
pub mod text;

pub use answer::{Answer, LoadKey, Many};
pub use declared::Load;
pub(crate) use queue::Loads;
pub use queue::SharedLoads;
pub use relations::{Related, each};
