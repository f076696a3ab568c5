//! The `Server-Timing` header: what a response cost.

use std::fmt::Write;
use std::time::Duration;

use brisk_core::{Layer, Summary};

/// `db;dur=1.2;desc="3 statements", cache;dur=0.1;desc="1 hit, 0 misses", total;dur=2.5`, in milliseconds.
///
/// `db` is always there, because tests read budgets from it; other layers only when they did something. Source: W3C
/// Server Timing.
pub fn server_timing(cost: &Summary, total: Duration) -> String {
    let mut text = String::with_capacity(96);
    for (layer, time) in cost.layers() {
        match layer {
            Layer::Db => {
                let (n, noun) = (
                    cost.statements,
                    plural(cost.statements, "statement", "statements"),
                );
                metric(
                    &mut text,
                    layer.as_str(),
                    time,
                    format_args!(";desc=\"{n} {noun}\""),
                );
            }
            Layer::Cache if cost.cache_hits + cost.cache_misses > 0 => {
                let (hits, misses) = (cost.cache_hits, cost.cache_misses);
                let (hit, miss) = (
                    plural(hits, "hit", "hits"),
                    plural(misses, "miss", "misses"),
                );
                let desc = format_args!(";desc=\"{hits} {hit}, {misses} {miss}\"");
                metric(&mut text, layer.as_str(), time, desc);
            }
            Layer::Model if cost.model_calls > 0 => {
                let (n, noun) = (cost.model_calls, plural(cost.model_calls, "call", "calls"));
                metric(
                    &mut text,
                    layer.as_str(),
                    time,
                    format_args!(";desc=\"{n} {noun}\""),
                );
            }
            Layer::Http if !time.is_zero() => {
                metric(&mut text, layer.as_str(), time, format_args!(""));
            }
            Layer::Cache | Layer::Model | Layer::Http => {}
        }
    }
    metric(&mut text, "total", total, format_args!(""));
    text
}

fn metric(text: &mut String, name: &str, time: Duration, desc: std::fmt::Arguments<'_>) {
    let comma = if text.is_empty() { "" } else { ", " };
    let millis = time.as_secs_f64() * 1e3;
    write!(text, "{comma}{name};dur={millis:.2}{desc}").expect("writing to a String cannot fail");
}

const fn plural(n: u64, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use brisk_core::Ledger;

    use super::*;

    #[test]
    fn a_cheap_answer_still_says_how_many_statements() {
        let text = server_timing(&Ledger::default().summary(), Duration::from_micros(1_500));
        assert_eq!(text, "db;dur=0.00;desc=\"0 statements\", total;dur=1.50");
    }

    #[test]
    fn each_layer_that_worked_is_named() {
        let ledger = Ledger::default();
        ledger.statement("a", 1, Duration::from_micros(1_200));
        ledger.cache(true);
        ledger.cache(false);
        ledger.model_call(Duration::from_millis(20));
        ledger.time(Layer::Http, Duration::from_millis(3));
        assert_eq!(
            server_timing(&ledger.summary(), Duration::from_millis(25)),
            "db;dur=1.20;desc=\"1 statement\", cache;dur=0.00;desc=\"1 hit, 1 miss\", \
             model;dur=20.00;desc=\"1 call\", http;dur=3.00, total;dur=25.00"
        );
    }
}
