//! What a careful engineer would write by hand: the same page of reports, the same JSON, nothing else.
//!
//! A rival checks no key, counts nothing, logs nothing and knows no deadline; the kit does all of that. It runs in a
//! process of its own, as the kit's server does.
mod pipelined;
mod row;
mod serve;
mod sqlx;

pub(crate) use serve::{Name, Rival, serve};
