//! Square cells of a quarter of a hundredth degree, to find what is near without a spatial index.

use super::geo::Point;

/// A cell's edge in degrees: about 278 m from south to north.
const CELL_DEGREES: f64 = 0.0025;
/// Cells around the globe along a parallel.
const COLUMNS: i64 = 144_000;
/// The last row, which holds the north pole alone.
const LAST_ROW: i64 = 72_000;
/// A cell's height in metres, as the formulas use it.
const CELL_M: f64 = 278.0;
/// The smallest cosine used for a cell's width, so that polar searches stay bounded.
const MIN_COS: f64 = 0.05;

/// The largest search distance of [`neighbour_cells`], in metres; farther ones are cut to it.
///
/// Issues match within twice their category's radius, so a radius may be at most half of this. At 60 degrees of latitude the
/// longest list is 527 cells.
pub const MAX_SEARCH_M: f64 = 2_000.0;

/// The number of the cell that holds `point`: its row times 144,000 plus its column, both counted from the south-west.
///
/// The meridian 180 east belongs to the first column, which is the same place.
pub fn grid_cell(point: Point) -> i64 {
    row(point) * COLUMNS + column(point)
}

/// The cells that hold every point within `distance_m` of `point`, ascending and without repeats.
///
/// Rows end at the poles; columns go on across the date line.
pub fn neighbour_cells(point: Point, distance_m: f64) -> Vec<i64> {
    let distance_m = distance_m.clamp(0.0, MAX_SEARCH_M);
    let cos = point.lat().to_radians().cos().max(MIN_COS);
    let rows_away = whole((distance_m / CELL_M).ceil());
    let columns_away = whole((distance_m / (CELL_M * cos)).ceil());
    let (row, column) = (row(point), column(point));
    let rows = (row - rows_away).max(0)..=(row + rows_away).min(LAST_ROW);
    let mut cells: Vec<i64> = rows
        .flat_map(|row| {
            (column - columns_away..=column + columns_away)
                .map(move |column| row * COLUMNS + column.rem_euclid(COLUMNS))
        })
        .collect();
    cells.sort_unstable();
    cells
}

fn row(point: Point) -> i64 {
    whole(((point.lat() + 90.0) / CELL_DEGREES).floor())
}

fn column(point: Point) -> i64 {
    whole(((point.lon() + 180.0) / CELL_DEGREES).floor()) % COLUMNS
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the arguments are whole and at most 144,000"
)]
fn whole(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(lat: f64, lon: f64) -> Point {
        Point::new(lat, lon).unwrap()
    }

    #[test]
    fn cells_count_from_the_south_west() {
        assert_eq!(grid_cell(point(-90.0, -180.0)), 0);
        assert_eq!(grid_cell(point(-90.0, -179.9974)), 1);
        assert_eq!(grid_cell(point(-89.9974, -180.0)), COLUMNS);
        assert_eq!(grid_cell(point(90.0, 179.9999)), 72_000 * COLUMNS + 143_999);
        assert_eq!(grid_cell(point(1.0, 180.0)), grid_cell(point(1.0, -180.0)));
        assert_eq!(
            grid_cell(point(40.712_8, -74.006)),
            52_285 * COLUMNS + 42_397
        );
    }

    #[test]
    fn neighbours_wrap_at_the_date_line_and_stop_at_the_poles() {
        let base = grid_cell(point(10.0, -180.0));
        assert_eq!(
            neighbour_cells(point(10.0, 179.9999), 120.0),
            [
                base - COLUMNS,
                base - COLUMNS + 143_998,
                base - COLUMNS + 143_999,
                base,
                base + 143_998,
                base + 143_999,
                base + COLUMNS,
                base + COLUMNS + 143_998,
                base + COLUMNS + 143_999,
            ]
        );
        assert_eq!(
            neighbour_cells(point(90.0, 10.0), 120.0).len(),
            2 * (2 * 9 + 1)
        );
        assert_eq!(neighbour_cells(point(5.0, 10.0), 0.0).len(), 1);
        assert_eq!(neighbour_cells(point(60.0, 10.0), 1e9).len(), 17 * 31);
    }

    proptest! {
        #[test]
        fn every_point_in_reach_is_in_a_neighbour_cell(
            lat in -80.0..80.0_f64, lon in -180.0..180.0_f64, radius in 30.0..400.0_f64,
            turn in 0.0..std::f64::consts::TAU, share in 0.0..0.98_f64,
        ) {
            let here = point(lat, lon);
            let reach = 2.0 * radius * share;
            let dlat = (reach * turn.cos() / 6_371_008.8).to_degrees();
            let dlon = (reach * turn.sin() / (6_371_008.8 * lat.to_radians().cos())).to_degrees();
            let there = point(lat + dlat, (lon + dlon + 540.0).rem_euclid(360.0) - 180.0);
            prop_assume!(here.distance_m(there) <= 2.0 * radius);
            let cells = neighbour_cells(here, 2.0 * radius);
            prop_assert!(cells.binary_search(&grid_cell(there)).is_ok());
            prop_assert!(cells.is_sorted_by(|a, b| a < b));
        }
    }
}
