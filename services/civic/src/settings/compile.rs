//! What the configuration's plain values become: a compiled classifier, and checked numbers for deduplication.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::classify::{ExtraRules, Rules};
use crate::model::config::{PerCategory, TenantConfig, TermPack};
use crate::model::similarity::{Tuning, TuningError};
use crate::model::{Category, FieldError, FieldErrors, Severity, TenantKind};

/// The shipped rules, or those with the tenant's own terms.
///
/// # Errors
///
/// Field `classify.rules` when the terms cannot be compiled.
pub(crate) fn rules_of(config: &TenantConfig) -> Result<Arc<Rules>, FieldErrors> {
    let terms = &config.classify.rules;
    if terms.values().all(BTreeMap::is_empty) {
        return Ok(Rules::builtin());
    }
    let compiled = Rules::with_extra(&pack_of(terms));
    compiled
        .map(Arc::new)
        .map_err(|e| refused("classify.rules", "term_invalid", e.to_string()))
}

/// Terms by category and weight; those of a severity have none.
fn pack_of(terms: &TermPack) -> ExtraRules {
    let mut pack = ExtraRules::default();
    for (word, weighted) in terms {
        if let Some(category) = Category::parse(word) {
            let levels = pack.terms.entry(category).or_default();
            for (term, weight) in weighted {
                levels.entry(*weight).or_default().push(term.clone());
            }
        } else if let Some(severity) = Severity::parse(word) {
            let level = pack.severity.entry(severity).or_default();
            level.extend(weighted.keys().cloned());
        }
    }
    pack
}

/// The numbers of `dedup.*`; in buildings, hotels and campuses a zone is a floor or wing, so zones are apart.
///
/// # Errors
///
/// The field below `dedup` whose number cannot be used.
pub(crate) fn tuning_of(kind: TenantKind, config: &TenantConfig) -> Result<Tuning, FieldErrors> {
    let dedup = &config.dedup;
    let tuning = Tuning {
        link: dedup.auto,
        review: dedup.review,
        match_resolved_days: f64::from(dedup.match_resolved_days),
        zones_apart: match kind {
            TenantKind::Building | TenantKind::Hotel | TenantKind::Campus => true,
            TenantKind::City | TenantKind::Facility => false,
        },
        ..Tuning::default()
    };
    tuning
        .with_overrides(&numbers(&dedup.radius_m), &numbers(&dedup.window_days))
        .map_err(|e| match e {
            TuningError::Radius(_) => refused("dedup.radius_m", "out_of_range", e.to_string()),
            TuningError::Window(_) => refused("dedup.window_days", "out_of_range", e.to_string()),
            _ => refused("dedup.review", "thresholds_invalid", e.to_string()),
        })
}

fn numbers(values: &PerCategory) -> BTreeMap<Category, f64> {
    Category::ALL.map(|c| (c, f64::from(values.of(c)))).into()
}

fn refused(field: &str, code: &'static str, message: String) -> FieldErrors {
    FieldErrors(vec![FieldError {
        field: field.to_owned(),
        code,
        message,
    }])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(value: &serde_json::Value) -> TenantConfig {
        TenantConfig::from_json(TenantKind::City, value).unwrap()
    }

    #[test]
    fn a_tenant_s_terms_join_the_shipped_ones() {
        let plain = rules_of(&config(&json!({"classify": {"rules": {"noise": {}}}}))).unwrap();
        assert!(Arc::ptr_eq(&plain, &Rules::builtin()));
        let own = json!({"classify": {"rules": {"sanitation": {"seagulls": 3}, "critical": {"quicksand": 1}}}});
        let rules = rules_of(&config(&own)).unwrap();
        let class = rules.classify("Seagulls and quicksand at the beach");
        assert_eq!(
            (class.category, class.severity),
            (Category::Sanitation, Severity::Critical)
        );
        let bad = json!({"classify": {"rules": {"noise": {"…": 1}}}});
        assert_eq!(
            rules_of(&config(&bad)).unwrap_err().0[0].field,
            "classify.rules"
        );
    }

    #[test]
    fn the_tuning_follows_configuration_and_kind() {
        let set = config(&json!({"dedup": {"auto": 0.9, "radius_m": {"noise": 20}}}));
        let tuning = tuning_of(TenantKind::Hotel, &set).unwrap();
        assert!(tuning.zones_apart);
        assert!((tuning.link - 0.9).abs() < 1e-12);
        assert!((tuning.radius_m.get(Category::Noise) - 20.0).abs() < 1e-12);
        assert_eq!(
            tuning_of(TenantKind::City, &config(&json!({}))),
            Ok(Tuning::default())
        );
        for (bad, field) in [
            (json!({"dedup": {"review": 0}}), "dedup.review"),
            (
                json!({"dedup": {"radius_m": {"noise": 1001}}}),
                "dedup.radius_m",
            ),
        ] {
            let errors = tuning_of(TenantKind::City, &config(&bad)).unwrap_err();
            assert_eq!(errors.0[0].field, field);
        }
    }
}
