//! The places of the demo and what is reported there.

use brisk_auth::TenantKind;

/// One demo tenant.
pub(super) struct Place {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: TenantKind,
    pub(super) zone: &'static str,
    /// Reports of the past ninety days.
    pub(super) past: u32,
    /// Reports of the last hours.
    pub(super) today: u32,
    pub(super) lat: f64,
    pub(super) lon: f64,
    /// How far reports lie from the middle, in degrees.
    pub(super) spread: f64,
    pub(super) areas: &'static [&'static str],
    /// Streets, floors or houses.
    pub(super) spots: &'static [&'static str],
    pub(super) scenes: &'static [Scene],
}

/// One kind of thing that happens.
pub(super) struct Scene {
    /// The base category.
    pub(super) category: &'static str,
    /// How often it happens, beside the others.
    pub(super) weight: u32,
    /// Hours that a repair usually takes.
    pub(super) hours: u32,
    /// What people write; `@` becomes the spot.
    pub(super) texts: &'static [&'static str],
}

const fn scene(
    category: &'static str,
    weight: u32,
    hours: u32,
    texts: &'static [&'static str],
) -> Scene {
    Scene {
        category,
        weight,
        hours,
        texts,
    }
}

/// The three demo tenants.
pub(super) const CAST: &[Place] = &[
    Place {
        slug: "springfield",
        name: "City of Springfield",
        kind: TenantKind::City,
        zone: "America/Chicago",
        past: 270,
        today: 30,
        lat: 39.7990,
        lon: -89.6440,
        spread: 0.035,
        areas: &[
            "Downtown",
            "North End",
            "Harbor",
            "Oak Ridge",
            "Mill District",
            "Westside",
        ],
        spots: &[
            "Main Street",
            "Oak Avenue",
            "Mill Road",
            "Harbor Drive",
            "2nd Street",
            "Lincoln Square",
            "Cedar Lane",
            "Station Road",
            "Park Avenue",
            "Church Street",
            "Elm Street",
            "River Road",
        ],
        scenes: &[
            scene(
                "infrastructure",
                9,
                60,
                &[
                    "Large pothole on @, cars swerve to avoid it",
                    "Deep pothole on @ near the bus stop",
                    "Streetlight out on @, the street is very dark",
                    "Traffic signal at @ is stuck on red",
                    "Sidewalk on @ is cracked and lifted by roots",
                    "Storm drain on @ is blocked and the road floods",
                ],
            ),
            scene(
                "sanitation",
                8,
                30,
                &[
                    "Garbage on @ has not been collected for a week",
                    "Overflowing bin on @, litter everywhere",
                    "Someone dumped mattresses behind the shops on @",
                    "Rats in the alley off @ near the bins",
                ],
            ),
            scene(
                "maintenance",
                6,
                90,
                &[
                    "Graffiti on the wall of the underpass at @",
                    "Broken bench in the park by @",
                    "Dead tree leaning over the path on @",
                    "Broken swing in the playground on @",
                ],
            ),
            scene(
                "noise",
                4,
                20,
                &[
                    "Loud music on @ every night after midnight",
                    "Dog barking all day on @, nobody seems to be home",
                ],
            ),
            scene(
                "safety",
                3,
                10,
                &[
                    "Exposed wire hanging from a pole on @",
                    "Suspicious van parked for days on @",
                    "Broken glass all over the crossing at @",
                ],
            ),
            scene(
                "other",
                2,
                120,
                &["Please think about more bike lanes on @"],
            ),
        ],
    },
    Place {
        slug: "downtown-tower",
        name: "Downtown Tower",
        kind: TenantKind::Building,
        zone: "America/New_York",
        past: 90,
        today: 10,
        lat: 40.7136,
        lon: -74.0089,
        spread: 0.0004,
        areas: &["Lobby", "Floors 1-10", "Floors 11-20", "Garage"],
        spots: &[
            "floor 3",
            "floor 7",
            "floor 12",
            "floor 18",
            "the lobby",
            "the garage, level B1",
            "suite 1204",
        ],
        scenes: &[
            scene(
                "infrastructure",
                5,
                8,
                &[
                    "Elevator on @ is stuck again",
                    "Leaking pipe in the ceiling on @",
                    "Power outage in half of the offices on @",
                ],
            ),
            scene(
                "maintenance",
                7,
                40,
                &[
                    "Air conditioning on @ blows warm air",
                    "Light bulb flickers on @ near the kitchen",
                    "Toilet on @ is clogged again",
                    "Door lock on @ does not close",
                ],
            ),
            scene(
                "sanitation",
                3,
                12,
                &[
                    "Trash on @ has not been emptied since Monday",
                    "Bad smell on @ near the stairs",
                ],
            ),
            scene(
                "noise",
                2,
                24,
                &["Drilling on @ during calls, please move it to the evening"],
            ),
        ],
    },
    Place {
        slug: "state-university",
        name: "State University Campus",
        kind: TenantKind::Campus,
        zone: "America/Los_Angeles",
        past: 90,
        today: 10,
        lat: 37.8719,
        lon: -122.2585,
        spread: 0.004,
        areas: &["North Campus", "South Campus", "Residence Halls", "Library"],
        spots: &[
            "Hall A",
            "Hall C",
            "the main library",
            "the sports field",
            "Science Building",
            "the east gate",
        ],
        scenes: &[
            scene(
                "maintenance",
                7,
                48,
                &[
                    "No heat in @ since yesterday evening",
                    "Broken window at @ on the ground floor",
                    "Vending machine at @ takes money and gives nothing",
                    "Shower at @ is leaking into the corridor",
                ],
            ),
            scene(
                "safety",
                3,
                6,
                &[
                    "Emergency light at @ is out and the path is dark",
                    "Bike stolen in front of @",
                ],
            ),
            scene(
                "noise",
                4,
                12,
                &[
                    "Loud party at @, we cannot sleep before the exam",
                    "Fire alarm test at @ at six in the morning",
                ],
            ),
            scene(
                "sanitation",
                3,
                24,
                &[
                    "Overflowing recycling at @",
                    "Cockroach in the kitchen of @",
                ],
            ),
            scene(
                "infrastructure",
                3,
                72,
                &["Pothole at the entrance of @", "Street lamp near @ is out"],
            ),
        ],
    },
];
