//! One tenant's settings, ready to use.

use std::collections::HashMap;
use std::sync::Arc;

use brisk_auth::Tenant;
use brisk_db::Session;
use futures::try_join;
use jiff::tz::TimeZone;

use super::compile::{rules_of, tuning_of};
use crate::error::Error;
use crate::model::TenantKind;
use crate::model::calendar::Calendar;
use crate::model::classify::Rules;
use crate::model::config::TenantConfig;
use crate::model::geo::Point;
use crate::model::setup::{Boundary, ServiceFields};
use crate::model::similarity::Tuning;
use crate::model::sla::Policy;
use crate::store::area::{AreaRow, Areas};
use crate::store::calendar::{CalendarRow, Calendars};
use crate::store::category::Categories;
use crate::store::sla_policy::Policies;
use crate::store::tenant_config::TenantConfigs;

/// What an entry weighs beside its boundaries and rules, in bytes; a rough figure for a bound, not an account.
const BASE_WEIGHT: u64 = 16 * 1024;
/// A corner of a boundary: two doubles.
const VERTEX_WEIGHT: u64 = 16;
/// A compiled classifier of its own, about.
const RULES_WEIGHT: u64 = 256 * 1024;

/// One of the tenant's areas.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) boundary: Option<Boundary>,
}

/// One of the tenant's own categories.
#[derive(Clone, Debug)]
pub(crate) struct ServiceCategory {
    pub(crate) fields: ServiceFields,
}

/// Everything that a request needs to know of its tenant. Never changed: a change makes a new one.
#[derive(Debug)]
pub(crate) struct TenantSettings {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) kind: TenantKind,
    /// The zone in which the tenant's days begin.
    pub(crate) zone: TimeZone,
    pub(crate) config: TenantConfig,
    /// Counts the writes of the configuration; 0 before the first.
    pub(crate) config_version: i64,
    pub(crate) calendars: HashMap<i64, Arc<Calendar>>,
    pub(crate) policies: Vec<Policy>,
    /// In the order of keys.
    pub(crate) areas: Vec<Area>,
    /// In the order in which they are shown.
    pub(crate) categories: Vec<ServiceCategory>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) tuning: Tuning,
    /// Positions in `areas` of those with a boundary, smallest box first.
    by_extent: Vec<usize>,
    weight: u64,
}

impl TenantSettings {
    /// Five statements in one round trip. What is equal in `previous` is taken over: compiled rules, and calendars with
    /// their expanded years.
    pub(super) async fn load(
        session: &Session,
        tenant: Arc<Tenant>,
        previous: Option<&Self>,
    ) -> Result<Self, Error> {
        let (configs, clocks, promises, zones, services) = (
            TenantConfigs(session),
            Calendars(session),
            Policies(session),
            Areas(session),
            Categories(session),
        );
        let (config, calendars, policies, areas, categories) = try_join!(
            configs.get(),
            clocks.list(),
            promises.list(),
            zones.list(),
            services.list(),
        )?;
        let id = tenant.id.get();
        let kind = kind_of(&tenant);
        let (config_version, document) = config;
        let unusable = |what, id| {
            move |e: crate::model::FieldErrors| Error::Stored {
                what,
                id,
                reason: e.to_string(),
            }
        };
        let config =
            TenantConfig::from_json(kind, &document).map_err(unusable("configuration", id))?;
        let rules = match previous.filter(|p| p.config_version == config_version) {
            Some(previous) => Arc::clone(&previous.rules),
            None => rules_of(&config).map_err(unusable("configuration", id))?,
        };
        let tuning = tuning_of(kind, &config).map_err(unusable("configuration", id))?;
        let zone = TimeZone::get(&tenant.timezone).map_err(|e| Error::Stored {
            what: "tenant",
            id,
            reason: e.to_string(),
        })?;
        let calendars = calendars
            .iter()
            .map(|row| Ok((row.id, calendar(row, previous)?)))
            .collect::<Result<_, Error>>()?;
        let areas = areas.into_iter().map(area).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            by_extent: by_extent(&areas),
            // Of areas whose names differ only in spelling the oldest wins.
            weight: weight(&areas, &rules),
            tenant,
            kind,
            zone,
            config,
            config_version,
            calendars,
            policies,
            areas,
            categories: categories
                .into_iter()
                .map(|(_, fields)| ServiceCategory { fields })
                .collect(),
            rules,
            tuning,
        })
    }

    /// The smallest area around `point`; none when no boundary contains it.
    pub(crate) fn area_of(&self, point: Point) -> Option<i64> {
        let mut smallest_first = self.by_extent.iter().map(|i| &self.areas[*i]);
        let around = |a: &&Area| a.boundary.as_ref().is_some_and(|b| b.contains(point));
        smallest_first.find(around).map(|a| a.id)
    }

    /// The area of that key.
    pub(crate) fn area(&self, id: i64) -> Option<&Area> {
        let at = self.areas.binary_search_by_key(&id, |a| a.id).ok()?;
        self.areas.get(at)
    }

    /// The service of that code.
    pub(crate) fn category_by_code(&self, code: &str) -> Option<&ServiceCategory> {
        self.categories.iter().find(|c| c.fields.code == code)
    }

    /// The calendar of that key; none for "around the clock" and for one that is gone.
    pub(crate) fn calendar(&self, id: Option<i64>) -> Option<&Calendar> {
        self.calendars.get(&id?).map(AsRef::as_ref)
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }
}

/// What kind of place the tenant runs; an organisation of no kind of this service's is treated as a facility.
pub(crate) fn kind_of(tenant: &Tenant) -> TenantKind {
    TenantKind::parse(tenant.kind.as_str()).unwrap_or(TenantKind::Facility)
}

fn calendar(row: &CalendarRow, previous: Option<&TenantSettings>) -> Result<Arc<Calendar>, Error> {
    let fresh = Calendar::from_json(&row.definition()).map_err(|e| Error::Stored {
        what: "calendar",
        id: row.id,
        reason: e.to_string(),
    })?;
    let known = previous.and_then(|p| p.calendars.get(&row.id));
    Ok(match known.filter(|known| ***known == fresh) {
        Some(known) => Arc::clone(known),
        None => Arc::new(fresh),
    })
}

fn area(row: AreaRow) -> Result<Area, Error> {
    let boundary = row.boundary.as_ref().map(|b| Boundary::from_geojson(&b.0));
    Ok(Area {
        boundary: boundary.transpose().map_err(|e| Error::Stored {
            what: "area",
            id: row.id,
            reason: e.to_string(),
        })?,
        id: row.id,
        name: row.name,
    })
}

fn by_extent(areas: &[Area]) -> Vec<usize> {
    let extent = |i: &usize| {
        areas[*i]
            .boundary
            .as_ref()
            .map_or(0.0, |b| b.bounds().extent())
    };
    let mut bounded: Vec<usize> = (0..areas.len())
        .filter(|i| areas[*i].boundary.is_some())
        .collect();
    bounded.sort_by(|a, b| extent(a).total_cmp(&extent(b)).then(a.cmp(b)));
    bounded
}

fn weight(areas: &[Area], rules: &Arc<Rules>) -> u64 {
    let vertices: usize = areas
        .iter()
        .filter_map(|a| a.boundary.as_ref())
        .map(Boundary::vertices)
        .sum();
    let own_rules = !Arc::ptr_eq(rules, &Rules::builtin());
    BASE_WEIGHT + vertices as u64 * VERTEX_WEIGHT + u64::from(own_rules) * RULES_WEIGHT
}
