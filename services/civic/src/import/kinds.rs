//! What the cities' own kinds of request mean in our categories.
//!
//! The maps are data files beside this one. A line is a kind, compared without case and with single spaces; `*`
//! at its start or end stands for any text. Exact lines win, then the longest line with a `*`.

use std::collections::HashMap;

use super::layout::Preset;
use crate::model::Category;

const BOSTON: &str = include_str!("kinds/boston.txt");
const NYC: &str = include_str!("kinds/nyc.txt");
const ST_LOUIS: &str = include_str!("kinds/stlouis.txt");

/// The kinds of one layout.
#[derive(Clone, Debug)]
pub struct Kinds {
    exact: HashMap<&'static str, Category>,
    patterns: Vec<Pattern>,
    /// How many of a row's kinds are looked at.
    depth: usize,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: &'static str,
    open_start: bool,
    open_end: bool,
    category: Category,
}

impl Pattern {
    fn matches(&self, kind: &str) -> bool {
        match (self.open_start, self.open_end) {
            (true, true) => kind.contains(self.text),
            (true, false) => kind.ends_with(self.text),
            (false, _) => kind.starts_with(self.text),
        }
    }
}

impl Kinds {
    /// The map of a layout. The native and the Open311 layout have no kinds of their own and use those of Boston and New York.
    pub fn of(preset: Preset) -> Self {
        let (files, depth): (&[&'static str], usize) = match preset {
            Preset::Boston311 | Preset::Boston311New => (&[BOSTON], 2),
            Preset::Nyc311 => (&[NYC], 1),
            Preset::StLouisCsb => (&[ST_LOUIS], 1),
            Preset::Native | Preset::Open311Bulk => (&[NYC, BOSTON], 2),
        };
        let mut kinds = Self {
            exact: HashMap::new(),
            patterns: Vec::new(),
            depth,
        };
        for file in files {
            kinds.read(file);
        }
        kinds
            .patterns
            .sort_by_key(|pattern| std::cmp::Reverse(pattern.text.len()));
        kinds
    }

    fn read(&mut self, file: &'static str) {
        let mut category = Category::Other;
        for line in file
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(word) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                category = Category::parse(word).expect("the shipped maps name known categories");
                continue;
            }
            let text = line.trim_matches('*');
            let (open_start, open_end) = (line.starts_with('*'), line.ends_with('*'));
            if open_start || open_end {
                self.patterns.push(Pattern {
                    text,
                    open_start,
                    open_end,
                    category,
                });
            } else {
                self.exact.entry(text).or_insert(category);
            }
        }
    }

    /// The category of a row with these raw kinds, the most telling first; `None` where no line fits.
    pub fn category<S: AsRef<str>>(&self, kinds: &[S]) -> Option<Category> {
        kinds
            .iter()
            .take(self.depth)
            .find_map(|kind| self.one(kind.as_ref()))
    }

    fn one(&self, kind: &str) -> Option<Category> {
        let mut plain = String::with_capacity(kind.len());
        for word in kind.split_whitespace() {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.extend(word.chars().flat_map(char::to_lowercase));
        }
        if plain.is_empty() {
            return None;
        }
        Category::parse(&plain)
            .or_else(|| self.exact.get(plain.as_str()).copied())
            .or_else(|| {
                self.patterns
                    .iter()
                    .find(|pattern| pattern.matches(&plain))
                    .map(|pattern| pattern.category)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_maps_is_plain_and_stands_once() {
        for file in [BOSTON, NYC, ST_LOUIS] {
            let lines: Vec<&str> = file
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with(['#', '[']))
                .collect();
            let mut sorted = lines.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), lines.len());
            for line in lines {
                let words: Vec<&str> = line.split_whitespace().collect();
                assert_eq!(words.join(" ").to_lowercase(), line.trim_end(), "{line}");
            }
        }
    }

    #[test]
    fn kinds_are_found_exactly_by_pattern_and_by_their_group() {
        let boston = Kinds::of(Preset::Boston311);
        assert_eq!(
            boston.category(&["Heat - Excessive  Insufficient"]),
            Some(Category::Maintenance)
        );
        assert_eq!(
            boston.category(&["Request for Pothole Repair"]),
            Some(Category::Infrastructure)
        );
        assert_eq!(
            boston.category(&["Something New", "Street Cleaning"]),
            Some(Category::Sanitation)
        );
        assert_eq!(
            boston.category(&["SCH 8/20 Mice Infestation - Residential"]),
            Some(Category::Sanitation)
        );
        assert_eq!(boston.category(&["Something New"]), None);
        let nyc = Kinds::of(Preset::Nyc311);
        assert_eq!(
            nyc.category(&["Noise - Street/Sidewalk"]),
            Some(Category::Noise)
        );
        assert_eq!(
            nyc.category(&["UNSANITARY CONDITION"]),
            Some(Category::Sanitation)
        );
        assert_eq!(nyc.category(&["Taxi Complaint", "Noise"]), None);
        let st_louis = Kinds::of(Preset::StLouisCsb);
        assert_eq!(
            st_louis.category(&["Graffiti-Prvt Dmpstr"]),
            Some(Category::Maintenance)
        );
        assert_eq!(
            st_louis.category(&["Whole Blk Lights Out"]),
            Some(Category::Infrastructure)
        );
        assert_eq!(
            Kinds::of(Preset::Native).category(&["noise"]),
            Some(Category::Noise)
        );
    }

    #[test]
    fn the_longest_pattern_wins() {
        let st_louis = Kinds::of(Preset::StLouisCsb);
        assert_eq!(
            st_louis.category(&["WTR-VACANT-BLDG"]),
            Some(Category::Infrastructure)
        );
        assert_eq!(
            st_louis.category(&["Mold - Food Cntrl"]),
            Some(Category::Maintenance)
        );
    }
}
