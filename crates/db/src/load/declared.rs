//! A declared keyed load.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use brisk_core::{Deadline, TenantId};

use super::answer::{Answer, LoadKey, array};
use crate::column::Column;
use crate::statement::{Call, CallText, Declared};
use crate::value::{Kind, Value};

/// Rows of one children statement at most, whatever the number of parents.
const ROWS: usize = 16_384;

/// A keyed load as declared by [`statements!`](crate::statements): one row for each key, or a parent's children.
///
/// Its name is its span, its metric label and its line in the slow log, as with a statement.
pub struct Load<K, S> {
    name: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
    columns: &'static [&'static str],
    limit: u32,
    shared: bool,
    types: PhantomData<fn(K) -> S>,
}

impl<K, S> fmt::Debug for Load<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Load").field(&self.name).finish()
    }
}

impl<K, S> Load<K, S> {
    #[doc(hidden)]
    pub const fn declare(
        name: &'static str,
        postgres: &'static str,
        sqlite: &'static str,
        columns: &'static [&'static str],
        limit: u32,
        shared: bool,
    ) -> Self {
        Self {
            name,
            postgres,
            sqlite,
            columns,
            limit,
            shared,
            types: PhantomData,
        }
    }

    /// The declared name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Rows for each key at most.
    pub(super) fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }

    /// Keys of one statement at most, where none has more than `most`.
    pub(super) fn keys(&self, most: usize) -> usize {
        (ROWS / self.limit()).clamp(1, most.max(1))
    }

    /// Whose loads may share a statement: those of one tenant, or all where no tenant owns the table.
    pub(super) const fn group(&self, tenant: TenantId) -> TenantId {
        if self.shared {
            TenantId::PLATFORM
        } else {
            tenant
        }
    }
}

impl<K: LoadKey, S: Answer> Load<K, S> {
    pub(super) fn call(
        &self,
        tenant: TenantId,
        keys: &[K],
        deadline: Deadline,
        site: &'static Location<'static>,
    ) -> Call {
        let keys = Value::Array(K::KIND, keys.iter().cloned().map(K::into_value).collect());
        Call {
            name: self.name,
            text: CallText::Declared {
                postgres: self.postgres,
                sqlite: self.sqlite,
            },
            writes: false,
            slow: false,
            values: if self.shared {
                vec![keys]
            } else {
                vec![tenant.into_value(), keys]
            },
            kinds: if self.shared { shared::<K> } else { owned::<K> },
            deadline,
            site,
            seen: None,
        }
    }
}

fn shared<K: Column>() -> Vec<Kind> {
    vec![array(K::KIND)]
}

fn owned<K: Column>() -> Vec<Kind> {
    vec![TenantId::KIND, array(K::KIND)]
}

impl<K: LoadKey, S: Answer> Declared for Load<K, S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn postgres(&self) -> &'static str {
        self.postgres
    }

    fn sqlite(&self) -> &'static str {
        self.sqlite
    }

    fn parameters(&self) -> Vec<Kind> {
        if self.shared {
            shared::<K>()
        } else {
            owned::<K>()
        }
    }

    fn columns(&self) -> &'static [&'static str] {
        self.columns
    }
}
