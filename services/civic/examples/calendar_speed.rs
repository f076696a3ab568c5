//! Prints how many evaluations of the business clock one core makes in a second; the target is 200,000.
//!
//! `cargo run --release -p brisk-civic --example calendar_speed`
#![expect(
    clippy::print_stdout,
    reason = "printing the figure is what the program is for"
)]

use std::hint::black_box;
use std::time::Instant;

use brisk_civic::model::calendar::{Calendar, due, elapsed};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const ROUNDS: u32 = 4_000_000;

fn main() {
    let days = ["1", "2", "3", "4", "5"].map(|d| (d.to_owned(), json!([[480, 720], [780, 1080]])));
    let holidays: Vec<_> = (1..=12)
        .map(|m| json!({"date": format!("2026-{m:02}-15"), "open": []}))
        .collect();
    let value = json!({
        "timezone": "America/New_York",
        "weekly": serde_json::Map::from_iter(days),
        "holidays": holidays,
    });
    let calendar = Calendar::from_json(&value).expect("the calendar above is valid");

    let start = Instant::now();
    for (at, amount) in cases() {
        black_box(due(at, SignedDuration::from_secs(amount), Some(&calendar)));
    }
    report("due", start);

    let start = Instant::now();
    for (at, amount) in cases() {
        let end = at + SignedDuration::from_secs(amount);
        black_box(elapsed(at, end, Some(&calendar)));
    }
    report("elapsed", start);
}

/// Starts over three years and amounts up to 30 days, from a fixed sequence.
fn cases() -> impl Iterator<Item = (Timestamp, i64)> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    (0..ROUNDS).map(move |_| {
        // xorshift64: cheap enough not to be what is measured.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let second = 1_735_689_600 + i64::try_from(state % 94_608_000).expect("below three years");
        let amount = i64::try_from((state >> 32) % 2_592_000).expect("below thirty days");
        (
            Timestamp::from_second(second).expect("a year near 2026"),
            amount,
        )
    })
}

fn report(name: &str, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{name}: {:.0} evaluations/s", f64::from(ROUNDS) / seconds);
}
