//! Points on the globe and the metres between them.

use serde::{Deserialize, Serialize};

/// Mean radius of the earth in metres (IUGG, R1).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A valid position in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPoint")]
pub struct Point {
    lat: f64,
    lon: f64,
}

#[derive(Deserialize)]
struct RawPoint {
    lat: f64,
    lon: f64,
}

/// Coordinates outside the globe, not finite, or exactly (0, 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("coordinates must be finite, within -90..90 and -180..180, and not (0, 0)")]
pub struct InvalidPoint;

impl TryFrom<RawPoint> for Point {
    type Error = InvalidPoint;

    fn try_from(raw: RawPoint) -> Result<Self, InvalidPoint> {
        Self::new(raw.lat, raw.lon)
    }
}

impl Point {
    /// The position at `lat` and `lon` degrees.
    ///
    /// # Errors
    ///
    /// [`InvalidPoint`]; (0, 0) is refused because it is what broken devices send.
    pub fn new(lat: f64, lon: f64) -> Result<Self, InvalidPoint> {
        let on_globe = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        let null_island = lat == 0.0 && lon == 0.0;
        if on_globe && !null_island {
            Ok(Self { lat, lon })
        } else {
            Err(InvalidPoint)
        }
    }

    /// Degrees north, -90 to 90.
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Degrees east, -180 to 180.
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// Metres to `other` along the surface of a sphere (the haversine formula).
    pub fn distance_m(self, other: Self) -> f64 {
        let (lat_a, lat_b) = (self.lat.to_radians(), other.lat.to_radians());
        let sin_lat = ((lat_b - lat_a) / 2.0).sin();
        let sin_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let h = sin_lat * sin_lat + lat_a.cos() * lat_b.cos() * sin_lon * sin_lon;
        2.0 * EARTH_RADIUS_M * h.min(1.0).sqrt().asin()
    }

    /// A lower bound of [`Self::distance_m`] that costs two operations: the metres between the two parallels.
    pub(crate) fn at_least_m(self, other: Self) -> f64 {
        (self.lat - other.lat).abs().to_radians() * EARTH_RADIUS_M
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_places_on_the_globe_are_points() {
        for (lat, lon) in [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.1), (48.2, 16.4)] {
            assert!(Point::new(lat, lon).is_ok());
        }
        for (lat, lon) in [
            (0.0, 0.0),
            (-0.0, 0.0),
            (90.1, 0.0),
            (0.0, -180.1),
            (f64::NAN, 1.0),
            (1.0, f64::INFINITY),
        ] {
            assert_eq!(Point::new(lat, lon), Err(InvalidPoint));
        }
        assert!(serde_json::from_str::<Point>(r#"{"lat": 91, "lon": 0}"#).is_err());
    }

    #[test]
    fn known_distances() {
        let vienna = Point::new(48.208_2, 16.373_8).unwrap();
        let linz = Point::new(48.306_9, 14.285_8).unwrap();
        assert!((vienna.distance_m(linz) - 154_900.0).abs() < 300.0);
        let pole = Point::new(90.0, 0.0).unwrap();
        let equator = Point::new(0.0, 45.0).unwrap();
        assert!(
            (pole.distance_m(equator) - EARTH_RADIUS_M * std::f64::consts::FRAC_PI_2).abs() < 1e-3
        );
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_not_below_its_bound(
            a in (-90.0..90.0_f64, -180.0..180.0_f64), b in (-90.0..90.0_f64, -180.0..180.0_f64)
        ) {
            let (Ok(a), Ok(b)) = (Point::new(a.0, a.1), Point::new(b.0, b.1)) else { return Ok(()) };
            prop_assert!((a.distance_m(b) - b.distance_m(a)).abs() < 1e-6);
            prop_assert!(a.distance_m(b) >= a.at_least_m(b) - 0.5);
            prop_assert!(a.distance_m(a) < 1e-9);
        }
    }
}
