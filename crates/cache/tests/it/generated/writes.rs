//! What is written: declared statements with parameters by chance, run by a session or spelled out for another program.

use brisk_core::TenantId;
use brisk_db::{
    Affected, Declared, Error, OnConflict, Params as _, Session, System, Value, statements,
};
use fastrand::Rng;
use futures::future::BoxFuture;

use super::schema::Maker;

pub(super) const WORDS: [&str; 4] = ["ant", "bee", "cat", "it's"];

pub(super) fn tenant(rng: &mut Rng) -> TenantId {
    TenantId(rng.i64(1..4))
}

statements! {
    prefix "generated.write";

    ADD_MAKER(tenant: i64, id: i64, n: i64, word: String) -> Affected
        = "INSERT INTO makers (tenant_id, id, n, word) VALUES ($1, $2, $3, $4)";

    PUT_MAKER(tenant: i64, id: i64, n: i64, word: String) -> Affected
        = "INSERT INTO makers AS m (tenant_id, id, n, word) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, id) DO UPDATE SET n = excluded.n, word = excluded.word";

    REPLACE_MAKER(tenant: i64, id: i64, n: i64, word: String) -> Affected
        = "INSERT INTO makers (tenant_id, id, n, word) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, id) DO UPDATE SET n = excluded.n, word = excluded.word, note = NULL",
        sqlite "INSERT OR REPLACE INTO makers (tenant_id, id, n, word) VALUES ($1, $2, $3, $4)";

    NOTE_MAKER(tenant: i64, id: i64, note: String) -> Affected
        = "UPDATE makers SET note = $3 WHERE tenant_id = $1 AND id = $2";

    NUMBER_MAKERS(tenant: i64, word: String, n: i64) -> Affected
        = "UPDATE makers SET n = $3 WHERE tenant_id = $1 AND word = $2";

    NAME_MAKER(tenant: i64, id: i64, word: String) -> Affected
        = "UPDATE makers SET word = $3 WHERE tenant_id = $1 AND id = $2";

    COUNT_UP(tenant: i64) -> Affected = "UPDATE makers SET n = n + 1 WHERE tenant_id = $1";

    RENUMBER_MAKER(tenant: i64, id: i64, to: i64) -> Affected
        = "UPDATE makers SET id = $3 WHERE tenant_id = $1 AND id = $2";

    DELETE_MAKER(tenant: i64, id: i64) -> Affected = "DELETE FROM makers WHERE tenant_id = $1 AND id = $2";

    DELETE_MAKERS(tenant: i64, word: String) -> Affected = "DELETE FROM makers WHERE tenant_id = $1 AND word = $2";

    DELETE_MANY(tenant: i64) -> Affected = "DELETE FROM makers WHERE tenant_id = $1 AND id >= 100";

    PUT_THING(tenant: i64, id: i64, maker: i64, n: i64) -> Affected
        = "INSERT INTO things (tenant_id, id, maker_id, n) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, id) DO UPDATE SET maker_id = excluded.maker_id, n = excluded.n";

    MOVE_THING(tenant: i64, id: i64, maker: i64) -> Affected
        = "UPDATE things SET maker_id = $3 WHERE tenant_id = $1 AND id = $2";

    FREE_THING(tenant: i64, id: i64) -> Affected
        = "UPDATE things SET maker_id = NULL WHERE tenant_id = $1 AND id = $2";

    NAME_THING(tenant: i64, id: i64, word: String) -> Affected
        = "UPDATE things SET word = $3 WHERE tenant_id = $1 AND id = $2";

    DELETE_THINGS(tenant: i64, n: i64) -> Affected = "DELETE FROM things WHERE tenant_id = $1 AND n = $2";

    PUT_PART(tenant: i64, id: i64, thing: i64, n: i64) -> Affected
        = "INSERT INTO parts (tenant_id, id, thing_id, n) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, id) DO UPDATE SET thing_id = excluded.thing_id, n = excluded.n";

    NUMBER_PARTS(tenant: i64, thing: i64, n: i64) -> Affected
        = "UPDATE parts SET n = $3 WHERE tenant_id = $1 AND thing_id = $2";

    TAKE_APART(tenant: i64, id: i64) -> Affected
        = "WITH gone AS (DELETE FROM parts WHERE tenant_id = $1 AND thing_id = $2 RETURNING id)
           DELETE FROM things WHERE tenant_id = $1 AND id = $2",
        sqlite "DELETE FROM things WHERE tenant_id = $1 AND id = $2";

    PUT_WORD(id: i64, word: String, n: i64) -> Affected
        = "INSERT INTO words (id, word, n) VALUES ($1, $2, $3) ON CONFLICT (word) DO UPDATE SET n = excluded.n";

    REPLACE_WORD(id: i64, word: String) -> Affected
        = "INSERT INTO words (id, word) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET word = excluded.word",
        sqlite "REPLACE INTO words (id, word) VALUES ($1, $2)";

    RENUMBER_WORD(id: i64, to: i64) -> Affected = "UPDATE words SET id = $2 WHERE id = $1";

    DELETE_WORD(id: i64) -> Affected = "DELETE FROM words WHERE id = $1";

    PUT_USE(id: i64, word: i64, n: i64) -> Affected
        = "INSERT INTO uses (id, word_id, n) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET word_id = excluded.word_id";

    NUMBER_USES(word: i64, n: i64) -> Affected = "UPDATE uses SET n = $2 WHERE word_id = $1";

    /// Of any tenant.
    GIVE_AWAY(tenant: i64, id: i64, to: i64) -> Affected
        = "UPDATE makers SET tenant_id = $3 WHERE tenant_id = $1 AND id = $2";

    /// Of all tenants.
    CHANGE_ALL(n: i64) -> Affected = "UPDATE things SET n = $1";

    EMPTY_MAKERS() -> Affected = "TRUNCATE makers CASCADE", sqlite "DELETE FROM makers";

    EMPTY_WORDS() -> Affected = "TRUNCATE words, uses", sqlite "DELETE FROM words";
}

/// Chance for one write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    at: usize,
    tenant: i64,
    id: i64,
    other: i64,
    n: i64,
    word: &'static str,
}

/// A kind of write.
struct Write {
    declared: &'static dyn Declared,
    /// Whether it may change rows of other tenants than the session's.
    is_wide: bool,
    values: fn(&Pick) -> Vec<Value>,
    run: for<'a> fn(&'a Session, &Pick) -> BoxFuture<'a, Result<u64, Error>>,
}

macro_rules! writes {
    ($($statement:ident $is_wide:literal |$p:ident| $params:expr;)*) => {
        const WRITES: &[Write] = &[$(Write {
            declared: &$statement,
            is_wide: $is_wide,
            values: |$p| $params.into_values(),
            run: |session, $p| {
                let params = $params;
                Box::pin(async move { session.run(&$statement, params).await })
            },
        }),*];
    };
}

writes! {
    ADD_MAKER false |p| (p.tenant, p.id, p.n, p.word.to_owned());
    PUT_MAKER false |p| (p.tenant, p.id, p.n, p.word.to_owned());
    PUT_MAKER false |p| (p.tenant, p.other, p.n, p.word.to_owned());
    REPLACE_MAKER false |p| (p.tenant, p.id, p.n, p.word.to_owned());
    NOTE_MAKER false |p| (p.tenant, p.id, p.word.to_owned());
    NUMBER_MAKERS false |p| (p.tenant, p.word.to_owned(), p.n);
    NAME_MAKER false |p| (p.tenant, p.id, p.word.to_owned());
    COUNT_UP false |p| (p.tenant,);
    RENUMBER_MAKER false |p| (p.tenant, p.id, p.other);
    DELETE_MAKER false |p| (p.tenant, p.id);
    DELETE_MAKERS false |p| (p.tenant, p.word.to_owned());
    DELETE_MANY false |p| (p.tenant,);
    PUT_THING false |p| (p.tenant, p.id, p.other, p.n);
    PUT_THING false |p| (p.tenant, p.other, p.id, p.n);
    MOVE_THING false |p| (p.tenant, p.id, p.other);
    FREE_THING false |p| (p.tenant, p.id);
    NAME_THING false |p| (p.tenant, p.id, p.word.to_owned());
    DELETE_THINGS false |p| (p.tenant, p.n);
    PUT_PART false |p| (p.tenant, p.id, p.other, p.n);
    PUT_PART false |p| (p.tenant, p.other, p.id, p.n);
    NUMBER_PARTS false |p| (p.tenant, p.id, p.n);
    TAKE_APART false |p| (p.tenant, p.id);
    PUT_WORD false |p| (p.id, p.word.to_owned(), p.n);
    REPLACE_WORD false |p| (p.id, p.word.to_owned());
    RENUMBER_WORD false |p| (p.id, p.other);
    DELETE_WORD false |p| (p.id,);
    PUT_USE false |p| (p.other, p.id, p.n);
    PUT_USE false |p| (p.id, p.other, p.n);
    NUMBER_USES false |p| (p.id, p.n);
    GIVE_AWAY true |p| (p.tenant, p.id, p.other % 3 + 1);
    CHANGE_ALL true |p| (p.n,);
    EMPTY_MAKERS true |_p| ();
    EMPTY_WORDS true |_p| ();
}

impl Pick {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self {
            at: rng.usize(0..WRITES.len()),
            tenant: tenant(rng).0,
            id: rng.i64(1..6),
            other: rng.i64(1..6),
            n: rng.i64(0..5),
            word: WORDS[rng.usize(0..WORDS.len())],
        }
    }

    const fn write(&self) -> &'static Write {
        &WRITES[self.at]
    }

    /// What it is, for people.
    pub(super) fn text(&self) -> String {
        self.spelled(System::Sqlite)
    }

    /// The statement with its parameters in it.
    pub(super) fn spelled(&self, system: System) -> String {
        let write = self.write();
        let (text, mark) = match system {
            System::Postgres => (write.declared.postgres(), '$'),
            System::Sqlite => (write.declared.sqlite(), '?'),
        };
        let mut text = text.to_owned();
        for (i, value) in (write.values)(self).iter().enumerate().rev() {
            let literal = match value {
                Value::Int(n) => n.to_string(),
                Value::Text(word) => format!("'{}'", word.replace('\'', "''")),
                other => panic!("{other:?}"),
            };
            text = text.replace(&format!("{mark}{}", i + 1), &literal);
        }
        text
    }

    /// Runs it, as the tenant whose rows it writes, or for the platform.
    pub(super) async fn run(&self, session: &Session) -> Result<u64, Error> {
        let write = self.write();
        let tenant = if write.is_wide {
            TenantId::PLATFORM
        } else {
            TenantId(self.tenant)
        };
        (write.run)(&session.for_tenant(tenant), self).await
    }

    /// Enough of everything, so that there is something to change.
    pub(super) async fn fill(&self, session: &Session, rng: &mut Rng) -> Result<u64, Error> {
        let (t, n) = (self.tenant, self.n);
        let session = session.for_tenant(TenantId(t));
        for (id, word) in (1..).zip(WORDS) {
            session.run(&PUT_MAKER, (t, id, n, word.to_owned())).await?;
            // Another may have its number.
            drop(session.run(&PUT_WORD, (id, word.to_owned(), n)).await);
            drop(session.run(&PUT_USE, (id, rng.i64(1..5), n)).await);
        }
        for id in 1..6 {
            let (maker, n) = (rng.i64(1..5), rng.i64(0..5));
            session.run(&PUT_THING, (t, id, maker, n)).await?;
        }
        for id in 1..6 {
            session.run(&PUT_PART, (t, id, rng.i64(1..6), n)).await?;
        }
        Ok(0)
    }

    /// Many rows at once, of one tenant.
    pub(super) async fn load(&self, session: &Session, rows: i64) -> Result<u64, Error> {
        let rows = (100..100 + rows).map(|id| Maker {
            tenant_id: self.tenant,
            id,
            n: self.n,
            word: self.word.to_owned(),
        });
        let on_conflict = OnConflict::Update {
            key: &["tenant_id", "id"],
        };
        let session = session.for_tenant(TenantId(self.tenant));
        session.insert_many(rows.collect(), on_conflict).await
    }
}
