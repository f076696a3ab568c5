//! What cannot be asked of a list.

use std::borrow::Cow;

use brisk_core::{Class, Failure, FieldError};

/// What a list cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be narrowed by this.
    #[error("the list cannot be narrowed by {0:?}")]
    Filter(String),
    /// It cannot be sorted by this.
    #[error("the list cannot be sorted by {0:?}")]
    Sort(String),
    /// This cannot be loaded along.
    #[error("{0:?} cannot be loaded along with the list")]
    Relation(String),
    /// Parameters that it has, with values that it does not take.
    #[error("{} parameters cannot be accepted", .0.len())]
    Values(Vec<FieldError>),
}

impl Failure for Refusal {
    fn class(&self) -> Class {
        match self {
            Self::Filter(_) | Self::Sort(_) | Self::Relation(_) => Class::Malformed,
            Self::Values(_) => Class::Invalid,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Filter(_) => "list.unknown_filter",
            Self::Sort(_) => "list.unknown_sort",
            Self::Relation(_) => "list.unknown_relation",
            Self::Values(_) => "list.invalid_data",
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Filter(name) => vec![field(name.clone(), "unknown_filter")],
            Self::Sort(_) => vec![field("sort", "unknown_sort")],
            Self::Relation(_) => vec![field("eager_load", "unknown_relation")],
            Self::Values(fields) => fields.clone(),
        }
    }
}

fn field(name: impl Into<Cow<'static, str>>, code: &'static str) -> FieldError {
    FieldError::new(name, code, "is not known here")
}
