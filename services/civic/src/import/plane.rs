//! Missouri's eastern state plane, in US survey feet, to degrees.
//!
//! ESRI:102696 (NAD 1983, FIPS 2401): transverse Mercator on GRS 80, origin 35°50' N 90°30' W, scale 1 - 1/15,000,
//! false easting 250,000 m. The inverse is Krüger's series to the fourth power of the third flattening, exact to far below a
//! millimetre at this distance from the meridian. Source: C. F. F. Karney, "Transverse Mercator with an accuracy
//! of a few nanometers", Journal of Geodesy 85 (2011), equations 11 to 21 and 36. NAD 83 is taken as WGS 84: the
//! two differ by one to two metres in Missouri.

const SURVEY_FOOT_M: f64 = 1200.0 / 3937.0;
const SEMI_MAJOR_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_222_101;
const SCALE: f64 = 1.0 - 1.0 / 15_000.0;
const FALSE_EASTING_M: f64 = 250_000.0;
const ORIGIN_LAT: f64 = 35.0 + 50.0 / 60.0;
const ORIGIN_LON: f64 = -90.5;

/// Third flattening.
const N: f64 = FLATTENING / (2.0 - FLATTENING);

/// `(lat, lon)` in degrees of a point in ESRI:102696.
///
/// `None` outside of a box of a degree around the city of St. Louis (38 to 39.3 N, 91.2 to 89.5 W): such a value is no
/// coordinate of this source.
pub fn missouri_east_to_degrees(x_feet: f64, y_feet: f64) -> Option<(f64, f64)> {
    let (lat, lon) = inverse(x_feet * SURVEY_FOOT_M, y_feet * SURVEY_FOOT_M);
    ((38.0..=39.3).contains(&lat) && (-91.2..=-89.5).contains(&lon)).then_some((lat, lon))
}

fn rectifying_radius() -> f64 {
    let n2 = N * N;
    SEMI_MAJOR_M / (1.0 + N) * (1.0 + n2 / 4.0 + n2 * n2 / 64.0)
}

/// Coefficients of the forward series.
fn alpha() -> [f64; 4] {
    let (n2, n3, n4) = (N * N, N * N * N, N * N * N * N);
    [
        N / 2.0 - 2.0 / 3.0 * n2 + 5.0 / 16.0 * n3 + 41.0 / 180.0 * n4,
        13.0 / 48.0 * n2 - 3.0 / 5.0 * n3 + 557.0 / 1440.0 * n4,
        61.0 / 240.0 * n3 - 103.0 / 140.0 * n4,
        49_561.0 / 161_280.0 * n4,
    ]
}

/// Coefficients of the inverse series.
fn beta() -> [f64; 4] {
    let (n2, n3, n4) = (N * N, N * N * N, N * N * N * N);
    [
        N / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - n4 / 360.0,
        n2 / 48.0 + n3 / 15.0 - 437.0 / 1440.0 * n4,
        17.0 / 480.0 * n3 - 37.0 / 840.0 * n4,
        4397.0 / 161_280.0 * n4,
    ]
}

/// Northing of the origin's parallel on the central meridian, in metres from the equator, before scaling.
fn origin_arc() -> f64 {
    let e = (FLATTENING * (2.0 - FLATTENING)).sqrt();
    let sin = ORIGIN_LAT.to_radians().sin();
    let conformal = (sin.atanh() - e * (e * sin).atanh()).sinh().atan();
    let mut xi = conformal;
    for (j, a) in (1_u8..).zip(alpha()) {
        xi += a * (2.0 * f64::from(j) * conformal).sin();
    }
    rectifying_radius() * xi
}

fn inverse(x_m: f64, y_m: f64) -> (f64, f64) {
    let radius = SCALE * rectifying_radius();
    let xi = (y_m + SCALE * origin_arc()) / radius;
    let eta = (x_m - FALSE_EASTING_M) / radius;
    let (mut xi_sphere, mut eta_sphere) = (xi, eta);
    for (j, b) in (1_u8..).zip(beta()) {
        let k = 2.0 * f64::from(j);
        xi_sphere -= b * (k * xi).sin() * (k * eta).cosh();
        eta_sphere -= b * (k * xi).cos() * (k * eta).sinh();
    }
    let e2 = FLATTENING * (2.0 - FLATTENING);
    let e = e2.sqrt();
    let conformal = xi_sphere.sin() / eta_sphere.sinh().hypot(xi_sphere.cos());
    let mut tau = conformal;
    for _ in 0..4 {
        let root = tau.hypot(1.0);
        let sigma = (e * (e * tau / root).atanh()).sinh();
        let guess = tau * sigma.hypot(1.0) - sigma * root;
        tau += (conformal - guess) / guess.hypot(1.0) * (1.0 + (1.0 - e2) * tau * tau)
            / ((1.0 - e2) * root);
    }
    let lon = eta_sphere.sinh().atan2(xi_sphere.cos());
    (tau.atan().to_degrees(), ORIGIN_LON + lon.to_degrees())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From PROJ 9, ESRI:102696 to EPSG:4269.
    #[test]
    fn points_agree_with_proj_to_a_ten_millionth_of_a_degree() {
        for (x, y, lat, lon) in [
            (875_854.877, 998_434.947, 38.575_464_276, -90.305_348_888),
            (889_804.745, 991_410.133, 38.556_083_303, -90.256_617_814),
            (820_208.333_333_333, 0.0, 35.833_333_333, -90.5),
            (1_100_000.0, 600_000.0, 37.477_506_506, -89.535_800_918),
            (500_000.0, 1_200_000.0, 39.123_622_987, -91.628_700_568),
        ] {
            let (got_lat, got_lon) = inverse(x * SURVEY_FOOT_M, y * SURVEY_FOOT_M);
            assert!((got_lat - lat).abs() < 1e-7, "{x} {y}: {got_lat} for {lat}");
            assert!((got_lon - lon).abs() < 1e-7, "{x} {y}: {got_lon} for {lon}");
        }
    }

    #[test]
    fn what_lies_outside_the_city_is_refused() {
        assert!(missouri_east_to_degrees(875_854.877, 998_434.947).is_some());
        for (x, y) in [
            (0.0, 0.0),
            (1.0, 998_434.947),
            (f64::NAN, 0.0),
            (f64::INFINITY, 1.0),
            (1e300, 1e300),
        ] {
            assert_eq!(missouri_east_to_degrees(x, y), None);
        }
    }
}
