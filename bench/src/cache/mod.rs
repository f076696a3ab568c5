//! `bench cache`: the cache beside moka, raw `quick_cache`, foyer, and get-compute-insert on Redis.
mod contenders;
mod counts;
mod crowd;
mod hit;
mod http;
mod interleavings;
mod pages;
mod parts;
mod races;
mod run;
mod storm;
mod table;
mod visible;

pub(crate) use pages::{encoded, in_memory, on_redis, rows, with_moka};
pub(crate) use run::run;
pub(crate) use storm::{Stormed, storm};
