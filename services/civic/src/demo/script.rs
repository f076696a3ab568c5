//! What happened: the same story at every first start, told from its present.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::cast::{Place, Scene};

/// Days that the story reaches back.
const DAYS: u64 = 90;

/// A small generator with a fixed seed (`splitmix64`, Steele and others, OOPSLA 2014): nothing here needs to be secret.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// Uniform in -1 to 1.
    fn offset(&mut self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "53 bits are plenty for a place on a demo map"
        )]
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        2.0 * unit - 1.0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let i = usize::try_from(self.below(list.len() as u64)).unwrap_or_default();
        &list[i]
    }

    fn scene<'a>(&mut self, place: &'a Place) -> &'a Scene {
        let all: u32 = place.scenes.iter().map(|s| s.weight).sum();
        let mut left = self.below(u64::from(all));
        for scene in place.scenes {
            let weight = u64::from(scene.weight);
            if left < weight {
                return scene;
            }
            left -= weight;
        }
        &place.scenes[0]
    }
}

/// A report of the last hours.
pub(super) struct Text {
    pub(super) description: String,
    pub(super) location: String,
    pub(super) lat: f64,
    pub(super) lon: f64,
    pub(super) at: Timestamp,
}

/// The past as an import file: a JSON object on each line.
pub(super) fn past(place: &Place, now: Timestamp) -> String {
    let mut dice = Dice(seed(place));
    let mut file = String::new();
    for i in 0..place.past {
        let scene = dice.scene(place);
        let spot = *dice.pick(place.spots);
        // Reports thin out towards the past, as the service becomes known.
        let age = dice.below(DAYS * 24).min(dice.below(DAYS * 24)) + 6;
        let opened = ago(now, age);
        let promised = u64::from(scene.hours) + 24 + dice.below(48);
        let took = u64::from(scene.hours) / 3 + dice.below(u64::from(scene.hours) + 20);
        let late = dice.below(100) < 11;
        let took = if late {
            promised + 1 + dice.below(60)
        } else {
            took.min(promised)
        };
        let done = took < age && dice.below(100) < 94;
        let row = json!({
            "external_id": format!("demo-{i}"),
            "submitted_at": opened,
            "due_at": ago(now, age) + SignedDuration::from_hours(whole(promised)),
            "resolved_at": done.then(|| ago(now, age) + SignedDuration::from_hours(whole(took))),
            "category": scene.category,
            "description": dice.pick(scene.texts).replace('@', spot),
            "status": if done { "closed" } else if dice.below(3) == 0 { "in-progress" } else { "open" },
            "location": location(&mut dice, place, spot),
            "lat": place.lat + place.spread * dice.offset(),
            "lon": place.lon + place.spread * dice.offset(),
            "area": dice.pick(place.areas),
        });
        writeln!(file, "{row}").expect("writing to a String cannot fail");
    }
    file
}

/// Today's reports; every third repeats the one before it in other words, from nearly the same place.
pub(super) fn today(place: &Place, now: Timestamp) -> Vec<Text> {
    let mut dice = Dice(seed(place) ^ 0x70_0da7);
    let mut texts: Vec<Text> = Vec::new();
    for i in 0..place.today {
        if i % 3 == 2
            && let Some(last) = texts.last()
        {
            let description = format!("Still not fixed: {}", last.description);
            let at = last.at + SignedDuration::from_mins(whole(20 + dice.below(60)));
            let again = Text {
                description,
                location: last.location.clone(),
                lat: last.lat,
                lon: last.lon,
                at,
            };
            texts.push(again);
            continue;
        }
        let spot = *dice.pick(place.spots);
        let scene = dice.scene(place);
        let description = dice.pick(scene.texts).replace('@', spot);
        // The last day and a half, one after the other.
        let minutes = 36 * 60 / u64::from(place.today).max(1) * u64::from(place.today - i) + 90;
        let at = now - SignedDuration::from_mins(whole(minutes));
        let (lat, lon) = (
            place.lat + place.spread * dice.offset(),
            place.lon + place.spread * dice.offset(),
        );
        texts.push(Text {
            description,
            location: location(&mut dice, place, spot),
            lat,
            lon,
            at,
        });
    }
    texts
}

fn location(dice: &mut Dice, place: &Place, spot: &str) -> String {
    match place.slug {
        "springfield" => format!("{} {spot}", 1 + dice.below(240)),
        _ => spot.to_owned(),
    }
}

fn seed(place: &Place) -> u64 {
    place.slug.bytes().fold(42, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    })
}

/// A count as the duration type takes it.
fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn ago(now: Timestamp, n: u64) -> Timestamp {
    now - SignedDuration::from_hours(whole(n))
}

#[cfg(test)]
mod tests {
    use super::super::cast::CAST;
    use super::*;

    #[test]
    fn the_story_is_five_hundred_reports_and_always_the_same() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let count: u32 = CAST.iter().map(|place| place.past + place.today).sum();
        assert_eq!(count, 500);
        for place in CAST {
            let file = past(place, now);
            assert_eq!(file.lines().count(), usize::try_from(place.past).unwrap());
            assert_eq!(file, past(place, now));
            assert!(!file.contains('@'));
        }
    }
}
