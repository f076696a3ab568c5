//! `bench cache`: the cache beside moka, raw `quick_cache`, foyer, and get-compute-insert on Redis.
mod contenders;
mod crowd;
mod hit;
mod races;
mod run;
mod storm;
mod table;
mod visible;

pub(crate) use run::run;
pub(crate) use storm::{Stormed, storm};
