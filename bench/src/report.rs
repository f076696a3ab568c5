//! The table of targets: what, our figure, the rival's, the ratio, the target, met or missed.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::machine::Machine;
use crate::rounds::{Size, Spread};

/// What a row must reach.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub(crate) enum Goal {
    /// Our figure, at most.
    AtMost(f64),
    /// Our figure, at least.
    AtLeast(f64),
    /// Our figure over the rival's, at least.
    Ratio(f64),
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Ns,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Ms,
    /// So many each second.
    #[serde(rename = "per_s")]
    PerSecond,
    /// Mebibytes.
    #[serde(rename = "mib")]
    Mib,
    /// So many, of what there should be few.
    #[serde(rename = "count")]
    Count,
    /// Hundredths of what there should be much.
    #[serde(rename = "percent")]
    Percent,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Ns => format!("{figure:.1} ns"),
            Self::Ms if figure < 10.0 => format!("{figure:.2} ms"),
            Self::Ms => format!("{figure:.0} ms"),
            Self::PerSecond => format!("{}/s", thousands(figure)),
            Self::Mib => format!("{figure:.1} MiB"),
            Self::Count => thousands(figure),
            Self::Percent => format!("{figure:.1} %"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    part: &'static str,
    what: String,
    unit: Unit,
    ours: Spread,
    rival: Option<Rival>,
    ratio: Option<Spread>,
    goal: Option<Goal>,
    met: Option<bool>,
    note: String,
}

#[derive(Debug, Serialize)]
struct Rival {
    name: &'static str,
    figure: Spread,
}

impl Row {
    pub(crate) fn new(
        part: &'static str,
        what: impl Into<String>,
        unit: Unit,
        ours: &[f64],
    ) -> Self {
        Self {
            part,
            what: what.into(),
            unit,
            ours: Spread::of(ours),
            rival: None,
            ratio: None,
            goal: None,
            met: None,
            note: String::new(),
        }
    }

    /// Beside a rival whose rounds alternated with ours; a ratio above 1 means that ours is better.
    pub(crate) fn beside(mut self, name: &'static str, ours: &[f64], rival: &[f64]) -> Self {
        self.ratio = match self.unit {
            Unit::PerSecond | Unit::Percent => Some(Spread::ratio(ours, rival)),
            Unit::Ns | Unit::Ms | Unit::Mib => Some(Spread::ratio(rival, ours)),
            // Often of nothing.
            Unit::Count => None,
        };
        self.rival = Some(Rival {
            name,
            figure: Spread::of(rival),
        });
        self
    }

    /// With what it must reach. A ratio goal needs a rival.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.met = match goal {
            Goal::AtMost(limit) => Some(self.ours.median <= limit),
            Goal::AtLeast(limit) => Some(self.ours.median >= limit),
            Goal::Ratio(limit) => self.ratio.map(|ratio| ratio.median >= limit),
        };
        self.goal = Some(goal);
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn show(&self) -> String {
        let ours = format!(
            "{} ({}..{})",
            self.unit.show(self.ours.median),
            bare(self.unit, self.ours.low),
            bare(self.unit, self.ours.high)
        );
        let rival = self.rival.as_ref().map_or_else(String::new, |rival| {
            format!("{} {}", rival.name, self.unit.show(rival.figure.median))
        });
        let ratio = self.ratio.map_or_else(String::new, |ratio| {
            format!(
                "{} ({}..{})",
                times(ratio.median),
                times(ratio.low),
                times(ratio.high)
            )
        });
        let goal = match self.goal {
            Some(Goal::AtMost(limit)) => format!("<= {}", self.unit.show(limit)),
            Some(Goal::AtLeast(limit)) => format!(">= {}", self.unit.show(limit)),
            Some(Goal::Ratio(limit)) => format!(">= {}x", (limit * 100.0).round() / 100.0),
            None => String::new(),
        };
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let line = format!(
            "{:<62} {ours:<30} {rival:<30} {ratio:<22} {goal:<13} {verdict}",
            self.what
        );
        let line = line.trim_end().to_owned();
        if self.note.is_empty() {
            line
        } else {
            format!("{line}\n    {}", self.note)
        }
    }
}

/// A run: printed as it goes, written whole at its end.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    size: Size,
    machine: Machine,
    durability: Vec<String>,
    rows: Vec<Row>,
    not_measured: Vec<String>,
}

impl Report {
    /// Prints where and what is measured.
    pub(crate) fn begin(bench: &'static str, size: Size, machine: Machine) -> Self {
        println!("\n{machine}\n");
        if size == Size::Quick {
            println!(
                "--quick: a tenth of the rows and short rounds; these figures prove nothing\n"
            );
        }
        Self {
            bench,
            size,
            machine,
            durability: Vec::new(),
            rows: Vec::new(),
            not_measured: Vec::new(),
        }
    }

    /// How firmly a store keeps what it has accepted, as it says itself.
    pub(crate) fn durability(&mut self, text: String) {
        println!("durability: {text}");
        self.durability.push(text);
    }

    pub(crate) fn part(title: &str) {
        println!("\n## {title}\n");
        println!(
            "{:<62} {:<30} {:<30} {:<22} {:<13}",
            "what", "ours: median (low..high)", "beside", "ratio (low..high)", "target"
        );
    }

    pub(crate) fn row(&mut self, row: Row) {
        println!("{}", row.show());
        self.rows.push(row);
    }

    /// Something that could not be measured here; it counts as missed.
    pub(crate) fn not_measured(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!("NOT MEASURED: {what}");
        self.not_measured.push(what);
    }

    /// Prints the sum and writes the file.
    pub(crate) fn end(self, json: Option<&Path>) -> Result<()> {
        let met = self.rows.iter().filter(|row| row.met == Some(true)).count();
        let missed: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.met == Some(false))
            .collect();
        println!(
            "\n{met} met, {} missed, {} not measured",
            missed.len(),
            self.not_measured.len()
        );
        for row in missed {
            println!("  missed: {}", row.what);
        }
        if let Some(path) = json {
            let text = serde_json::to_string_pretty(&self)?;
            std::fs::write(path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

fn times(ratio: f64) -> String {
    if ratio >= 20.0 {
        format!("{ratio:.0}x")
    } else {
        format!("{ratio:.2}x")
    }
}

/// Without its unit.
fn bare(unit: Unit, figure: f64) -> String {
    let text = unit.show(figure);
    text.trim_end_matches("/s")
        .split(' ')
        .next()
        .unwrap_or(&text)
        .to_owned()
}

fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
