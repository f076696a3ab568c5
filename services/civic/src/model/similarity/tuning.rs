//! The numbers behind deduplication, with what a tenant may change.

use crate::model::Category;
use crate::model::grid::MAX_SEARCH_M;
use std::collections::BTreeMap;

/// One number per category, from a default overlaid by a tenant's overrides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerCategory([f64; 6]);

impl PerCategory {
    /// The number of `category`.
    pub const fn get(&self, category: Category) -> f64 {
        self.0[category as usize]
    }

    fn overlaid(mut self, overrides: &BTreeMap<Category, f64>) -> Self {
        for (&category, &value) in overrides {
            self.0[category as usize] = value;
        }
        self
    }
}

/// Radius in metres, in the order of [`Category::ALL`].
const RADIUS_M: PerCategory = PerCategory([150.0, 60.0, 75.0, 75.0, 150.0, 100.0]);
/// Window in days, in the same order.
const WINDOW_DAYS: PerCategory = PerCategory([7.0, 60.0, 14.0, 60.0, 3.0, 30.0]);

/// When two things are the same thing, per tenant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// A score from here on links by itself (`dedup.auto`).
    pub link: f64,
    /// A score from here on is worth a second look (`dedup.review`).
    pub review: f64,
    /// The distance at which the place counts half; candidates are at most twice as far. 0 turns matching off.
    pub radius_m: PerCategory,
    /// The days after which time no longer speaks for a match.
    pub window_days: PerCategory,
    /// For how many days after its resolution an issue can still be matched (`dedup.match_resolved_days`).
    pub match_resolved_days: f64,
    /// Whether different zones are different places: for buildings, hotels and campuses, where a zone is a floor or wing.
    pub zones_apart: bool,
}

/// Why a tenant's numbers cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TuningError {
    /// Thresholds that are not `0 < review <= link <= 1`.
    #[error("the thresholds must satisfy 0 < review <= auto <= 1")]
    Thresholds,
    /// A radius that is negative, not a number, or above half of [`MAX_SEARCH_M`].
    #[error("a radius of {0} m is not within 0 to 1000 m")]
    Radius(f64),
    /// A window of less than an hour or more than ten years, or not a number.
    #[error("a window of {0} days is not within 1/24 to 3650 days")]
    Window(f64),
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            link: 0.72,
            review: 0.50,
            radius_m: RADIUS_M,
            window_days: WINDOW_DAYS,
            match_resolved_days: 7.0,
            zones_apart: false,
        }
    }
}

impl Tuning {
    /// These numbers with a tenant's radii (metres) and windows (days) in place of the defaults.
    ///
    /// # Errors
    ///
    /// [`TuningError`] for thresholds, radii or windows outside their ranges.
    pub fn with_overrides(
        mut self,
        radius_m: &BTreeMap<Category, f64>,
        window_days: &BTreeMap<Category, f64>,
    ) -> Result<Self, TuningError> {
        self.radius_m = self.radius_m.overlaid(radius_m);
        self.window_days = self.window_days.overlaid(window_days);
        self.check()?;
        Ok(self)
    }

    /// Whether every number is within its range.
    ///
    /// # Errors
    ///
    /// The first [`TuningError`] found.
    pub fn check(&self) -> Result<(), TuningError> {
        if !(self.review > 0.0 && self.review <= self.link && self.link <= 1.0) {
            return Err(TuningError::Thresholds);
        }
        let bad = |values: &PerCategory, from: f64, to: f64| {
            values
                .0
                .into_iter()
                .find(|value| !(from..=to).contains(value))
        };
        if let Some(radius) = bad(&self.radius_m, 0.0, MAX_SEARCH_M / 2.0) {
            return Err(TuningError::Radius(radius));
        }
        if let Some(window) = bad(&self.window_days, 1.0 / 24.0, 3_650.0) {
            return Err(TuningError::Window(window));
        }
        Ok(())
    }

    /// How far, in metres, a candidate of any category can be: the search distance for the grid.
    pub fn search_m(&self) -> f64 {
        2.0 * self.radius_m.0.into_iter().fold(0.0, f64::max)
    }
}

/// How well two categories go together: 1 the same, 0.9 related or unknown, else 0.6.
pub(super) fn kinship(a: Category, b: Category) -> f64 {
    use Category::{Infrastructure, Maintenance, Other, Safety};
    match (a, b) {
        _ if a == b => 1.0,
        (Other, _)
        | (_, Other)
        | (Infrastructure | Safety, Maintenance)
        | (Maintenance, Infrastructure | Safety)
        | (Infrastructure, Safety)
        | (Safety, Infrastructure) => 0.9,
        _ => 0.6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_stand_in_the_order_of_the_categories() {
        let tuning = Tuning::default();
        assert_eq!(tuning.check(), Ok(()));
        let rows: Vec<(&str, u16, u16)> = vec![
            ("infrastructure", 60, 60),
            ("sanitation", 75, 14),
            ("safety", 150, 7),
            ("noise", 150, 3),
            ("maintenance", 75, 60),
            ("other", 100, 30),
        ];
        for (word, radius, window) in rows {
            let category = Category::parse(word).unwrap();
            assert!(
                (tuning.radius_m.get(category) - f64::from(radius)).abs() < 1e-12,
                "{word}"
            );
            assert!(
                (tuning.window_days.get(category) - f64::from(window)).abs() < 1e-12,
                "{word}"
            );
        }
        for (index, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category as usize, index);
        }
        assert!((tuning.search_m() - 300.0).abs() < 1e-12);
    }

    #[test]
    fn overrides_replace_one_category_and_are_checked() {
        let set = |value| BTreeMap::from([(Category::Noise, value)]);
        let none = BTreeMap::new();
        let tuning = Tuning::default()
            .with_overrides(&set(0.0), &set(5.0))
            .unwrap();
        assert!(tuning.radius_m.get(Category::Noise).abs() < 1e-12);
        assert!((tuning.radius_m.get(Category::Other) - 100.0).abs() < 1e-12);
        assert!(
            Tuning::default()
                .with_overrides(&set(f64::NAN), &none)
                .is_err()
        );
        assert_eq!(
            Tuning::default().with_overrides(&set(1_001.0), &none),
            Err(TuningError::Radius(1_001.0))
        );
        assert_eq!(
            Tuning::default().with_overrides(&none, &set(0.0)),
            Err(TuningError::Window(0.0))
        );
        let reversed = Tuning {
            link: 0.4,
            ..Tuning::default()
        };
        assert_eq!(reversed.check(), Err(TuningError::Thresholds));
    }

    #[test]
    fn kinship_is_symmetric() {
        use Category::{Infrastructure, Maintenance, Noise, Other, Safety, Sanitation};
        for (a, b, expected) in [
            (Noise, Noise, 1.0),
            (Other, Other, 1.0),
            (Other, Noise, 0.9),
            (Infrastructure, Maintenance, 0.9),
            (Infrastructure, Safety, 0.9),
            (Safety, Maintenance, 0.9),
            (Safety, Sanitation, 0.6),
            (Noise, Maintenance, 0.6),
        ] {
            assert!((kinship(a, b) - expected).abs() < 1e-12, "{a:?} {b:?}");
            assert!((kinship(b, a) - expected).abs() < 1e-12, "{b:?} {a:?}");
        }
    }
}
