//! Where an entry is on the server.

use std::sync::Arc;

use brisk_core::TenantId;

use crate::codec::Address;

/// The keys of one entry.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    /// `{prefix}:{cache}:{tenant}:{hash}`.
    pub(super) key: Arc<str>,
    /// That of its lease. The braces are part of the name: they put both keys on the same node of a cluster.
    pub(super) lock: String,
    /// What is published on `channel` when the lease ends.
    pub(super) name: String,
    pub(super) channel: Arc<str>,
}

impl Spot {
    pub(super) fn of(
        prefix: &str,
        channel: &Arc<str>,
        cache: &str,
        tenant: TenantId,
        address: &Address,
    ) -> Self {
        let key = format!("{prefix}:{cache}:{}:{:032x}", tenant.0, address.hash);
        Self {
            lock: format!("{{{key}}}:lock"),
            name: key.clone(),
            key: key.into(),
            channel: Arc::clone(channel),
        }
    }
}
