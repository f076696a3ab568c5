//! The outline of an area, and whether a point lies inside it.

use serde_json::Value;

use crate::model::geo::Point;

/// The most corners in one boundary, all rings together; every node keeps them in memory.
pub const MAX_VERTICES: usize = 20_000;

/// A box in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Box4 {
    /// Southern edge.
    pub min_lat: f64,
    /// Northern edge.
    pub max_lat: f64,
    /// Western edge.
    pub min_lon: f64,
    /// Eastern edge.
    pub max_lon: f64,
}

impl Box4 {
    fn contains(&self, point: Point) -> bool {
        (self.min_lat..=self.max_lat).contains(&point.lat())
            && (self.min_lon..=self.max_lon).contains(&point.lon())
    }

    /// Square degrees: good enough to tell a floor from the campus around it.
    pub fn extent(&self) -> f64 {
        (self.max_lat - self.min_lat) * (self.max_lon - self.min_lon)
    }
}

/// A boundary ready to be asked; read from a GeoJSON `Polygon` or `MultiPolygon` (RFC 7946).
///
/// A boundary that crosses the 180th meridian is given in two parts, as RFC 7946 section 3.1.9 asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Boundary {
    /// Each ring closed: its last corner equals its first. `[lon, lat]`, as in GeoJSON.
    rings: Vec<Vec<[f64; 2]>>,
    bounds: Box4,
}

/// Why a boundary cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundaryError {
    /// Neither a polygon nor several.
    #[error("must be a GeoJSON Polygon or MultiPolygon with coordinates")]
    NotAPolygon,
    /// A ring with too few corners, not closed, or with something that is no position.
    #[error(
        "must consist of closed rings of at least four [longitude, latitude] positions in degrees"
    )]
    BadRing,
    /// More than [`MAX_VERTICES`] corners.
    #[error("must have at most {MAX_VERTICES} positions")]
    TooMany,
}

impl BoundaryError {
    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAPolygon | Self::BadRing => "boundary_invalid",
            Self::TooMany => "too_many",
        }
    }
}

impl Boundary {
    /// Reads GeoJSON.
    ///
    /// # Errors
    ///
    /// The first thing wrong with it.
    pub fn from_geojson(value: &Value) -> Result<Self, BoundaryError> {
        let coordinates = value
            .get("coordinates")
            .and_then(Value::as_array)
            .filter(|c| !c.is_empty())
            .ok_or(BoundaryError::NotAPolygon)?;
        let mut reader = RingReader::default();
        match value.get("type").and_then(Value::as_str) {
            Some("Polygon") => reader.polygon(coordinates)?,
            Some("MultiPolygon") => {
                for polygon in coordinates {
                    let rings = polygon.as_array().ok_or(BoundaryError::BadRing)?;
                    reader.polygon(rings)?;
                }
            }
            _ => return Err(BoundaryError::NotAPolygon),
        }
        let bounds = box_of(&reader.rings);
        Ok(Self {
            rings: reader.rings,
            bounds,
        })
    }

    /// The smallest box around it.
    pub fn bounds(&self) -> Box4 {
        self.bounds
    }

    /// Corners of all rings.
    pub fn vertices(&self) -> usize {
        self.rings.iter().map(Vec::len).sum()
    }

    /// Whether `point` lies inside: an odd number of edges lies east of it, so holes and islands need no special care.
    ///
    /// Of two areas that share an edge exactly one contains a point on it, unless the edge is their outer corner.
    pub fn contains(&self, point: Point) -> bool {
        if !self.bounds.contains(point) {
            return false;
        }
        let (x, y) = (point.lon(), point.lat());
        let crossed = |edge: &[[f64; 2]]| {
            let ([x0, y0], [x1, y1]) = (edge[0], edge[1]);
            (y0 > y) != (y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
        };
        let edges = self.rings.iter().flat_map(|ring| ring.windows(2));
        edges.filter(|edge| crossed(edge)).count() % 2 == 1
    }
}

#[derive(Default)]
struct RingReader {
    rings: Vec<Vec<[f64; 2]>>,
    vertices: usize,
}

impl RingReader {
    fn polygon(&mut self, rings: &[Value]) -> Result<(), BoundaryError> {
        if rings.is_empty() {
            return Err(BoundaryError::BadRing);
        }
        for ring in rings {
            let positions = ring.as_array().ok_or(BoundaryError::BadRing)?;
            self.vertices += positions.len();
            if self.vertices > MAX_VERTICES {
                return Err(BoundaryError::TooMany);
            }
            let ring: Option<Vec<_>> = positions.iter().map(position).collect();
            let ring = ring.filter(|r| r.len() >= 4 && r.first() == r.last());
            self.rings.push(ring.ok_or(BoundaryError::BadRing)?);
        }
        Ok(())
    }
}

/// `[lon, lat]` or `[lon, lat, height]`.
fn position(value: &Value) -> Option<[f64; 2]> {
    let [lon, lat, ..] = value.as_array()?.as_slice() else {
        return None;
    };
    let (lon, lat) = (lon.as_f64()?, lat.as_f64()?);
    let on_globe = (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
    on_globe.then_some([lon, lat])
}

fn box_of(rings: &[Vec<[f64; 2]>]) -> Box4 {
    let mut bounds = Box4 {
        min_lat: f64::INFINITY,
        max_lat: f64::NEG_INFINITY,
        min_lon: f64::INFINITY,
        max_lon: f64::NEG_INFINITY,
    };
    for [lon, lat] in rings.iter().flatten() {
        bounds.min_lat = bounds.min_lat.min(*lat);
        bounds.max_lat = bounds.max_lat.max(*lat);
        bounds.min_lon = bounds.min_lon.min(*lon);
        bounds.max_lon = bounds.max_lon.max(*lon);
    }
    bounds
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn square(west: f64, south: f64, side: f64) -> Value {
        let (east, north) = (west + side, south + side);
        json!([
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south]
        ])
    }

    fn point(lat: f64, lon: f64) -> Point {
        Point::new(lat, lon).unwrap()
    }

    #[test]
    fn holes_are_outside_and_islands_inside() {
        let with_hole = json!({"type": "Polygon", "coordinates": [square(10.0, 40.0, 4.0), square(11.0, 41.0, 2.0)]});
        let boundary = Boundary::from_geojson(&with_hole).unwrap();
        assert!(boundary.contains(point(40.5, 10.5)));
        assert!(!boundary.contains(point(42.0, 12.0)));
        assert!(!boundary.contains(point(39.9, 10.5)));
        let two = json!({"type": "MultiPolygon", "coordinates": [[square(10.0, 40.0, 1.0)], [square(20.0, 40.0, 1.0)]]});
        let boundary = Boundary::from_geojson(&two).unwrap();
        assert!(boundary.contains(point(40.5, 20.5)) && !boundary.contains(point(40.5, 15.0)));
        assert!((boundary.bounds().extent() - 11.0).abs() < 1e-9);
        assert_eq!(boundary.vertices(), 10);
    }

    #[test]
    fn what_is_no_boundary_is_refused() {
        let ring = |positions: Value| json!({"type": "Polygon", "coordinates": [positions]});
        for (value, error) in [
            (json!(null), BoundaryError::NotAPolygon),
            (
                json!({"type": "Point", "coordinates": [1, 2]}),
                BoundaryError::NotAPolygon,
            ),
            (
                json!({"type": "Polygon", "coordinates": []}),
                BoundaryError::NotAPolygon,
            ),
            (
                json!({"type": "MultiPolygon", "coordinates": [[]]}),
                BoundaryError::BadRing,
            ),
            (
                ring(json!([[0, 0], [1, 0], [1, 1], [0, 1]])),
                BoundaryError::BadRing,
            ),
            (
                ring(json!([[0, 0], [1, 0], [0, 0]])),
                BoundaryError::BadRing,
            ),
            (
                ring(json!([[0, 0], [181, 0], [1, 1], [0, 0]])),
                BoundaryError::BadRing,
            ),
            (
                ring(json!([[0, 0], "x", [1, 1], [0, 0]])),
                BoundaryError::BadRing,
            ),
            (
                ring(json!(vec![[0, 0]; MAX_VERTICES + 1])),
                BoundaryError::TooMany,
            ),
        ] {
            assert_eq!(Boundary::from_geojson(&value), Err(error), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_point_in_a_grid_of_squares_is_in_exactly_one(lat in 40.0..44.0_f64, lon in 10.0..14.0_f64, whole in any::<bool>()) {
            let (lat, lon) = if whole { (lat.floor(), lon.floor()) } else { (lat, lon) };
            let tiles = (0..16_i32).map(|i| {
                let tile = json!({"type": "Polygon", "coordinates":
                    [square(10.0 + f64::from(i % 4), 40.0 + f64::from(i / 4), 1.0)]});
                Boundary::from_geojson(&tile).unwrap()
            });
            prop_assert_eq!(tiles.filter(|t| t.contains(point(lat, lon))).count(), 1);
        }
    }
}
