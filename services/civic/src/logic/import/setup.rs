//! What the importer has to know of a tenant.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::model::calendar::Calendar;
use crate::model::classify::Rules;
use crate::model::priority::PriorityWeights;
use crate::model::sla::{Policy, SlaDefaults};
use crate::settings::TenantSettings;

/// What the importer has to know of a tenant; taken once, so that one import goes by one set of rules.
#[derive(Clone, Debug)]
pub struct ImportSetup {
    /// The tenant's zone: of times without offset, and of the days that figures are counted on.
    pub zone: TimeZone,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// What holds where no policy does.
    pub defaults: SlaDefaults,
    /// The calendars that policies name.
    pub calendars: HashMap<i64, Arc<Calendar>>,
    /// Its areas by name.
    pub areas: HashMap<String, i64>,
    /// Its compiled rules.
    pub rules: Arc<Rules>,
    /// How its work list is ordered.
    pub weights: PriorityWeights,
}

impl ImportSetup {
    /// What a tenant has set up.
    pub(crate) fn of(settings: &TenantSettings) -> Self {
        Self {
            zone: settings.zone.clone(),
            policies: settings.policies.clone(),
            defaults: settings.config.sla.defaults,
            calendars: settings.calendars.clone(),
            areas: settings
                .areas
                .iter()
                .map(|area| (area.name.clone(), area.id))
                .collect(),
            rules: Arc::clone(&settings.rules),
            weights: settings.config.priority.weights,
        }
    }

    /// A tenant without policies, calendars and areas of its own.
    pub fn plain(zone: TimeZone) -> Self {
        Self {
            zone,
            policies: Vec::new(),
            defaults: SlaDefaults::default(),
            calendars: HashMap::new(),
            areas: HashMap::new(),
            rules: Rules::builtin(),
            weights: PriorityWeights::default(),
        }
    }
}
