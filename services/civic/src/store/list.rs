//! What the stores have in common.

use brisk_db::Declared;

use super::{
    area, bench, calendar, candidate, category, event, figures, import, issue, lock, prune, public,
    recount, report, reporter, score, sla, sla_policy, tenant_config, timer,
};

/// Which rows of a list: those with a key above `after`, without the first `skip` of them, at most `limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) after: i64,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

/// Every declared statement of the service, for the test that prepares them on both engines.
pub(crate) fn statements() -> Vec<&'static dyn Declared> {
    [
        area::STATEMENTS,
        bench::STATEMENTS,
        calendar::STATEMENTS,
        candidate::STATEMENTS,
        category::STATEMENTS,
        event::STATEMENTS,
        figures::STATEMENTS,
        import::STATEMENTS,
        issue::STATEMENTS,
        lock::STATEMENTS,
        prune::STATEMENTS,
        public::STATEMENTS,
        recount::STATEMENTS,
        report::STATEMENTS,
        reporter::STATEMENTS,
        score::STATEMENTS,
        sla::STATEMENTS,
        sla_policy::STATEMENTS,
        tenant_config::STATEMENTS,
        timer::STATEMENTS,
        crate::ids::STATEMENTS,
    ]
    .concat()
}
