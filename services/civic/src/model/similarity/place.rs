//! Where something is: coordinates, a location in words, both or neither.

use super::features::{hashed, jaccard, sorted_set};
use crate::model::geo::Point;
use crate::model::text::normalise_location;

/// Equal words say a little less than equal coordinates.
const WORDS_AT_MOST: f64 = 0.9;

/// A place ready to be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    point: Option<Point>,
    words: Box<[u64]>,
    /// The numbers in the location (room, house, floor) without leading zeros, hashed.
    numbers: Box<[u64]>,
}

/// How two places compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Nearness {
    /// Both have coordinates: metres between them.
    Metres(f64),
    /// Both have words: their likeness, already scaled.
    Words(f64),
    /// There is nothing that both have.
    Unknown,
}

impl Place {
    /// A place of coordinates, of a location in words, of both or of neither.
    pub fn new(point: Option<Point>, location: Option<&str>) -> Self {
        let normal = location.map(normalise_location).unwrap_or_default();
        let numbers = normal
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty())
            .map(|digits| hashed(digits.trim_start_matches('0')));
        Self {
            point,
            words: sorted_set(
                normal
                    .split(' ')
                    .filter(|word| !word.is_empty())
                    .map(hashed),
            ),
            numbers: sorted_set(numbers),
        }
    }

    /// The coordinates, if known.
    pub const fn point(&self) -> Option<Point> {
        self.point
    }

    /// Compares by coordinates when both have them, else by words when both have them; words that name different
    /// numbers are different places.
    pub(super) fn nearness(&self, other: &Self) -> Nearness {
        if let (Some(a), Some(b)) = (self.point, other.point) {
            Nearness::Metres(a.distance_m(b))
        } else if self.words.is_empty() || other.words.is_empty() {
            Nearness::Unknown
        } else if !self.numbers.is_empty()
            && !other.numbers.is_empty()
            && self.numbers != other.numbers
        {
            Nearness::Words(0.0)
        } else {
            Nearness::Words(WORDS_AT_MOST * jaccard(&self.words, &other.words))
        }
    }

    /// Whether the distance is more than `metres` for sure, told without trigonometry.
    pub(super) fn is_beyond(&self, other: &Self, metres: f64) -> bool {
        matches!((self.point, other.point), (Some(a), Some(b)) if a.at_least_m(b) > metres + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_words(a: &str, b: &str) -> f64 {
        match Place::new(None, Some(a)).nearness(&Place::new(None, Some(b))) {
            Nearness::Words(likeness) => likeness,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_compare_in_one_spelling() {
        assert!((by_words("Main Street and 1st Avenue", "main st & 1st ave.") - 0.9).abs() < 1e-12);
        assert!((by_words("Oak Street", "Oak Square") - 0.3).abs() < 1e-12);
    }

    #[test]
    fn different_numbers_are_different_places() {
        assert!(by_words("Room 12, floor 3", "Room 12, floor 4").abs() < 1e-12);
        assert!(by_words("Room 12", "Room 012") > 0.2);
        assert!(by_words("12 Oak Street", "Oak Street") > 0.5);
    }

    #[test]
    fn coordinates_count_only_when_both_have_them() {
        let point = Point::new(48.0, 16.0).ok();
        let here = Place::new(point, Some("Oak Street"));
        assert_eq!(here.nearness(&here), Nearness::Metres(0.0));
        assert!(
            matches!(here.nearness(&Place::new(None, Some("Oak St"))), Nearness::Words(w) if w > 0.89)
        );
        assert_eq!(here.nearness(&Place::default()), Nearness::Unknown);
        assert_eq!(
            Place::new(point, None).nearness(&Place::new(None, Some("Oak St"))),
            Nearness::Unknown
        );
    }
}
