//! The numbers of caches, by the name of the cache.

use metrics::{counter, gauge};

use crate::nodes::NodesStats;
use crate::stats::CacheStats;
use crate::store::StoreStats;

/// Answers, by how they came about: hit, miss, stale, bypass.
const REQUESTS: &str = "brisk_cache_requests_total";
/// Loads, by how they ended: ok, error.
const LOADS: &str = "brisk_cache_loads_total";
/// Misses that shared another caller's load.
const JOINED: &str = "brisk_cache_joined_total";
/// Entries that went, by reason: room, ended.
const GONE: &str = "brisk_cache_gone_total";
/// Results that could not be kept.
const REFUSED: &str = "brisk_cache_refused_total";
/// What was asked of the tier below or left there, by how it ended: hit, miss, bad, large, dropped.
const TIER: &str = "brisk_cache_tier_total";
/// Entries and bytes.
const ENTRIES: &str = "brisk_cache_entries";
const BYTES: &str = "brisk_cache_size_bytes";

/// The tier of nodes: whether it answers, and what was asked of it, by kind.
const NODES_UP: &str = "brisk_cache_nodes_up";
const NODES: &str = "brisk_cache_nodes_total";

pub(crate) fn publish_nodes(stats: NodesStats) {
    gauge!(NODES_UP).set(f64::from(u8::from(stats.up)));
    for (kind, n) in [
        ("read", stats.reads),
        ("read_command", stats.read_commands),
        ("write", stats.writes),
        ("dropped", stats.dropped),
        ("error", stats.errors),
        ("skipped", stats.skipped),
        ("lost", stats.lost),
    ] {
        counter!(NODES, "kind" => kind).absolute(n);
    }
}

/// The tier in the database, by kind.
const STORE: &str = "brisk_cache_store_total";

pub(crate) fn publish_store(stats: StoreStats) {
    for (kind, n) in [
        ("write", stats.writes),
        ("batch", stats.batches),
        ("dropped", stats.dropped),
        ("error", stats.errors),
    ] {
        counter!(STORE, "kind" => kind).absolute(n);
    }
}

pub(crate) fn publish(stats: &CacheStats) {
    let cache = stats.name;
    for (result, n) in [
        ("hit", stats.hits),
        ("miss", stats.misses),
        ("stale", stats.stale),
        ("bypass", stats.bypassed),
    ] {
        counter!(REQUESTS, "cache" => cache, "result" => result).absolute(n);
    }
    let failed = stats.load_errors;
    counter!(LOADS, "cache" => cache, "result" => "ok")
        .absolute(stats.loads - failed.min(stats.loads));
    counter!(LOADS, "cache" => cache, "result" => "error").absolute(failed);
    counter!(JOINED, "cache" => cache).absolute(stats.joined);
    counter!(GONE, "cache" => cache, "reason" => "room").absolute(stats.evicted);
    counter!(GONE, "cache" => cache, "reason" => "ended").absolute(stats.ended);
    counter!(REFUSED, "cache" => cache).absolute(stats.refused);
    if stats.tier.is_some() {
        for (result, n) in [
            ("hit", stats.tier_hits),
            ("miss", stats.tier_misses),
            ("bad", stats.tier_bad),
            ("large", stats.tier_large),
            ("dropped", stats.tier_dropped),
        ] {
            counter!(TIER, "cache" => cache, "result" => result).absolute(n);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    {
        gauge!(ENTRIES, "cache" => cache).set(stats.entries as f64);
        gauge!(BYTES, "cache" => cache).set(stats.bytes as f64);
    }
}
