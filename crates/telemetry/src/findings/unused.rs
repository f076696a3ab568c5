//! Relations that were loaded for nobody.

use brisk_core::{FindingKind, TraceEvent};

use super::Finding;

pub(super) fn find(events: &[&TraceEvent]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for event in events {
        let unused = event.looked_at == Some(false) && event.rows > 0 && !event.failed;
        let told = found
            .iter()
            .any(|f| f.statement == event.statement && f.site == event.site);
        if unused && !told {
            let advice = "leave the relation out, or load it where it is used".to_owned();
            found.extend(Finding::new(FindingKind::UnusedLoad, &[event], advice));
        }
    }
    found
}
