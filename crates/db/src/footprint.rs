//! What a piece of work reads, told to whoever keeps its result.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use brisk_core::TenantId;

use crate::capture::Position;
use crate::database::System;
use crate::session::Session;
use crate::statement::{Call, CallText};
use crate::value::Value;

/// Hears of each statement that a [followed](Session::followed_by) session sends, before it is sent.
pub trait Footprint: Any + fmt::Debug + Send + Sync {
    /// The session is about to read.
    fn reads(&self, read: &Read<'_>);
}

/// A statement that is about to read.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Its declared name.
    pub statement: &'static str,
    /// Whose rows the session reads; what the statement asks for stands in its text and values.
    pub tenant: TenantId,
    /// Its text.
    pub text: ReadText<'a>,
    /// Its parameters, in order.
    pub values: &'a [Value],
}

/// The text of a statement that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadText<'a> {
    /// A declared one, as it is for PostgreSQL; the text for SQLite means the same.
    Declared(&'static str),
    /// One that was built for the engine at hand.
    Built(System, &'a str),
}

impl Session {
    /// The same place for work whose result is kept and shown to others. `footprint` hears what it reads.
    ///
    /// It reads on the primary, because a cache that a replica fills would keep what the stream of changes had told it to
    /// forget before, and refuses writes. Statements of other sessions are not heard of, those of clones are.
    #[must_use]
    pub fn followed_by(&self, footprint: Arc<dyn Footprint>) -> Self {
        Self {
            footprint: Some(footprint),
            read_only: true,
            ..self.primary()
        }
    }

    /// Who hears what this session reads.
    pub fn footprint(&self) -> Option<&Arc<dyn Footprint>> {
        self.footprint.as_ref()
    }

    /// Places in the stream of changes that reads of this session must include; see [`Session::after`].
    pub fn positions(&self) -> &[Arc<Position>] {
        &self.sight.after
    }

    /// Tells of a statement that is about to be sent.
    pub(crate) fn tell_footprint(&self, call: &Call) {
        if let Some(footprint) = self.footprint.as_deref().filter(|_| !call.writes) {
            footprint.reads(&Read {
                statement: call.name,
                tenant: self.tenant(),
                text: match &call.text {
                    CallText::Declared { postgres, .. } => ReadText::Declared(postgres),
                    CallText::Built(text) => ReadText::Built(self.db().system(), text),
                },
                values: &call.values,
            });
        }
    }
}
