//! The words that sources use for the state of a case.

use serde::Serialize;

/// The state of an imported row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowStatus {
    /// Nobody works on it yet.
    Open,
    /// Handed to a unit or being worked on.
    InProgress,
    /// Waiting for something outside.
    OnHold,
    /// Done, as the source says.
    Closed,
    /// Given up; left out of service level figures.
    Cancelled,
}

impl RowStatus {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in-progress",
            Self::OnHold => "on-hold",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that `word` stands for in any of the layouts; `None` for an unknown word.
    ///
    /// One table serves all layouts, because no word means different things in two of them. `Apply` and `Submit` are Boston's
    /// words for a case that has just come in; `Disptch`, `Letter`, `FieldCrw`, `Inspect` and `SCHEDULED` are steps
    /// of work in St. Louis.
    pub fn parse(word: &str) -> Option<Self> {
        let plain: String = word
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(40)
            .collect();
        Some(match plain.as_str() {
            "open" | "new" | "submit" | "submitted" | "apply" | "received" | "unassigned"
            | "reopened" => Self::Open,
            "inprogress" | "processing" | "assigned" | "started" | "acknowledged" | "disptch"
            | "dispatch" | "dispatched" | "letter" | "fieldcrw" | "inspect" | "scheduled" => {
                Self::InProgress
            }
            "hold" | "onhold" | "pending" => Self::OnHold,
            "closed" | "resolved" | "completed" | "complete" | "done" | "archived" => Self::Closed,
            "cancel" | "cancelled" | "canceled" | "void" => Self::Cancelled,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_case_and_abbreviated_words_are_understood() {
        for (word, status) in [
            ("CLOSED", RowStatus::Closed),
            ("Closed", RowStatus::Closed),
            ("CANCEL", RowStatus::Cancelled),
            ("Disptch", RowStatus::InProgress),
            ("In progress", RowStatus::InProgress),
            ("in-progress", RowStatus::InProgress),
            ("ON HOLD", RowStatus::OnHold),
            ("Apply", RowStatus::Open),
        ] {
            assert_eq!(RowStatus::parse(word), Some(status), "{word}");
        }
        assert_eq!(RowStatus::parse("Unspecified"), None);
    }

    #[test]
    fn every_own_word_is_read_back() {
        for status in [
            RowStatus::Open,
            RowStatus::InProgress,
            RowStatus::OnHold,
            RowStatus::Closed,
            RowStatus::Cancelled,
        ] {
            assert_eq!(RowStatus::parse(status.as_str()), Some(status));
        }
    }
}
