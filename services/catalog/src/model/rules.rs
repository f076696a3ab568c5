//! Rules that fields keep; every broken one is told in one answer.

use std::fmt::Display;
use std::ops::RangeInclusive;

use brisk_core::FieldError;

/// The longest e-mail address, in characters.
const LONGEST_EMAIL: usize = 320;

/// Gathers broken rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// What stands before each field's name.
    path: String,
    broken: Vec<FieldError>,
}

impl Rules {
    /// For the fields of the row of that number in a batch.
    pub(crate) fn of_row(&mut self, row: impl Display) -> &mut Self {
        self.path = format!("[{row}].");
        self
    }

    fn add(&mut self, field: &str, code: &'static str, message: String) {
        let field = format!("{}{field}", self.path);
        self.broken.push(FieldError::new(field, code, message));
    }

    /// A text of so many characters.
    pub(crate) fn length(&mut self, field: &str, text: &str, characters: RangeInclusive<usize>) {
        let (least, most) = (characters.start(), characters.end());
        if !characters.contains(&text.chars().count()) {
            let message = format!("must have {least} to {most} characters");
            self.add(field, "length", message);
        }
        self.no_nul(field, text);
    }

    /// A number within these.
    pub(crate) fn within(&mut self, field: &str, n: i64, numbers: RangeInclusive<i64>) {
        if !numbers.contains(&n) {
            let message = format!("must be from {} to {}", numbers.start(), numbers.end());
            self.add(field, "out_of_range", message);
        }
    }

    /// An address that mail could go to, if there is one.
    pub(crate) fn email(&mut self, field: &str, email: Option<&str>) {
        let Some(email) = email else { return };
        let is_plain = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let is_address = email
            .rsplit_once('@')
            .is_some_and(|(local, domain)| is_plain(local) && is_plain(domain));
        if !is_address || email.chars().count() > LONGEST_EMAIL {
            self.add(field, "email", "must be an e-mail address".to_owned());
        }
    }

    /// No text of ours holds it, and PostgreSQL cannot even be asked to.
    pub(crate) fn no_nul(&mut self, field: &str, text: &str) {
        if text.contains('\0') {
            let message = "must not contain the character U+0000".to_owned();
            self.add(field, "wrong_type", message);
        }
    }

    /// What was broken.
    pub(crate) fn finish(self) -> Result<(), crate::Error> {
        if self.broken.is_empty() {
            Ok(())
        } else {
            Err(crate::Error::Fields(self.broken))
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::Failure as _;

    use super::*;

    fn broken(check: impl FnOnce(&mut Rules)) -> Vec<String> {
        let mut rules = Rules::default();
        check(&mut rules);
        let found = rules.finish().err().map(|e| e.fields()).unwrap_or_default();
        found
            .iter()
            .map(|e| format!("{} {}", e.field, e.code))
            .collect()
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(broken(|r| r.length("name", "äöü", 1..=3)).is_empty());
        assert_eq!(broken(|r| r.length("name", "", 1..=3)), ["name length"]);
        assert_eq!(
            broken(|r| r.of_row(2).length("name", "long", 1..=3)),
            ["[2].name length"]
        );
        assert_eq!(broken(|r| r.length("a", "\0", 0..=3)), ["a wrong_type"]);
    }

    #[test]
    fn an_address_has_two_parts() {
        assert!(broken(|r| r.email("email", Some("a@b"))).is_empty());
        assert!(broken(|r| r.email("email", None)).is_empty());
        for bad in ["", "a", "@", "a@", "@b", "a b@c", "a@b\0"] {
            assert_eq!(broken(|r| r.email("email", Some(bad))), ["email email"]);
        }
    }
}
