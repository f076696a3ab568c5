//! Declared statements of every shape.

use brisk_cache::{Policy, Slot};
use brisk_core::TenantId;
use brisk_db::statements;
use fastrand::Rng;

use super::asks::Ask;
use super::schema::Line;
use super::writes::{WORDS, tenant};

statements! {
    prefix "generated";

    MAKER(tenant: TenantId, id: i64) -> Vec<Line>
        = "SELECT id, n, note FROM makers WHERE tenant_id = $1 AND id = $2";

    MAKERS_BY_WORD(tenant: TenantId, word: String) -> Vec<Line>
        = "SELECT id, n, note FROM makers WHERE tenant_id = $1 AND word = $2 ORDER BY id";

    MAKERS_BY_BOTH(tenant: TenantId, word: String, n: i64) -> Vec<Line>
        = "SELECT id, n, note FROM makers WHERE $3 = n AND (tenant_id = $1 AND word = $2) ORDER BY id";

    MAKERS(tenant: TenantId) -> Vec<Line> = "SELECT id, n, word FROM makers WHERE tenant_id = $1 ORDER BY id";

    EVERY_MAKER() -> Vec<Line> = "SELECT id, n, word FROM makers ORDER BY tenant_id, id";

    MAKER_OF_ANYBODY(id: i64) -> Vec<Line> = "SELECT id, n, word FROM makers WHERE id = $1 ORDER BY tenant_id";

    MAKERS_OR(tenant: TenantId, id: i64, word: String) -> Vec<Line>
        = "SELECT id, n, note FROM makers WHERE tenant_id = $1 AND (id = $2 OR word = $3) ORDER BY id";

    TENANT_OR(tenant: TenantId, id: i64) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1 OR id = $2 ORDER BY tenant_id, id";

    NOT_THAT_MAKER(tenant: TenantId, id: i64) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1 AND NOT (id = $2) ORDER BY id";

    THINGS_OF(tenant: TenantId, maker: i64) -> Vec<Line>
        = "SELECT id, n, word FROM things WHERE tenant_id = $1 AND maker_id = $2 ORDER BY id";

    THINGS_OF_ANY(tenant: TenantId, makers: Vec<i64>) -> Vec<Line>
        = "SELECT id, n, word FROM things WHERE tenant_id = $1 AND maker_id = ANY($2::bigint[]) ORDER BY id",
        sqlite "SELECT id, n, word FROM things WHERE tenant_id = $1 AND maker_id IN (SELECT value FROM json_each($2)) ORDER BY id";

    COUNT_THINGS(tenant: TenantId) -> Vec<Line>
        = "SELECT count(*), CAST(sum(n) AS bigint), CAST(NULL AS text) FROM things WHERE tenant_id = $1";

    COUNT_THINGS_OF(tenant: TenantId, maker: i64) -> Vec<Line>
        = "SELECT count(*), max(n), min(word) FROM things WHERE tenant_id = $1 AND maker_id = $2";

    BY_WORD(tenant: TenantId) -> Vec<Line>
        = "SELECT count(*), min(id), word FROM makers WHERE tenant_id = $1 GROUP BY word ORDER BY 3, 2";

    PARTS_OF(tenant: TenantId, thing: i64) -> Vec<Line>
        = "SELECT id, n, word FROM parts WHERE tenant_id = $1 AND thing_id = $2 ORDER BY id";

    NEWEST_PARTS(tenant: TenantId, things: Vec<i64>) -> Vec<Line>
        = "SELECT id, n, word FROM (SELECT id, n, word, row_number() OVER (PARTITION BY thing_id ORDER BY id DESC) AS place
             FROM parts WHERE tenant_id = $1 AND thing_id = ANY($2::bigint[])) AS r WHERE place <= 2 ORDER BY id",
        sqlite "SELECT id, n, word FROM (SELECT id, n, word, row_number() OVER (PARTITION BY thing_id ORDER BY id DESC) AS place
             FROM parts WHERE tenant_id = $1 AND thing_id IN (SELECT value FROM json_each($2))) AS r WHERE place <= 2 ORDER BY id";

    MADE(tenant: TenantId, id: i64) -> Vec<Line>
        = "SELECT h.id, h.n, m.note FROM makers m JOIN things h ON h.tenant_id = m.tenant_id AND h.maker_id = m.id
            WHERE m.tenant_id = $1 AND m.id = $2 ORDER BY h.id";

    PERHAPS_MADE(tenant: TenantId) -> Vec<Line>
        = "SELECT m.id, h.n, h.word FROM makers m LEFT JOIN things h ON h.tenant_id = m.tenant_id AND h.maker_id = m.id
            WHERE m.tenant_id = $1 ORDER BY m.id, h.id";

    /// Of the makers of all tenants.
    THEIR_THINGS(tenant: TenantId) -> Vec<Line>
        = "SELECT m.id, h.n, m.word FROM makers m LEFT JOIN things h
             ON m.tenant_id = $1 AND h.tenant_id = $1 AND h.maker_id = m.id ORDER BY m.tenant_id, m.id, h.id";

    FROM_THE_RIGHT(tenant: TenantId) -> Vec<Line>
        = "SELECT h.id, m.n, m.word FROM makers m RIGHT JOIN things h
             ON m.tenant_id = $1 AND h.tenant_id = m.tenant_id AND h.maker_id = m.id ORDER BY h.tenant_id, h.id";

    WHO_MADE(tenant: TenantId, n: i64) -> Vec<Line>
        = "SELECT m.id, m.n, m.word FROM makers m WHERE m.tenant_id = $1
             AND EXISTS (SELECT 1 FROM things h WHERE h.tenant_id = m.tenant_id AND h.maker_id = m.id AND h.n > $2) ORDER BY m.id";

    /// Of all tenants: what holds inside says nothing of the rows outside.
    WHO_MADE_NOTHING(tenant: TenantId) -> Vec<Line>
        = "SELECT m.id, m.n, m.word FROM makers m
            WHERE NOT EXISTS (SELECT 1 FROM things h WHERE h.tenant_id = $1 AND m.tenant_id = h.tenant_id AND h.maker_id = m.id)
            ORDER BY m.tenant_id, m.id";

    MAKERS_OF_PARTS(tenant: TenantId, n: i64) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1
             AND id IN (SELECT h.maker_id FROM things h JOIN parts p ON p.tenant_id = h.tenant_id AND p.thing_id = h.id
                         WHERE h.tenant_id = $1 AND p.n = $2) ORDER BY id";

    BOTH_KINDS(tenant: TenantId) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1 UNION ALL SELECT id, n, word FROM things WHERE tenant_id = $1
            ORDER BY 1, 2, 3";

    ONE_OF_MANY(tenant: TenantId) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1 UNION SELECT id, n, word FROM makers WHERE id = 2 ORDER BY 1, 2, 3";

    ALL_BUT(tenant: TenantId) -> Vec<Line>
        = "SELECT id, n, word FROM makers WHERE tenant_id = $1 EXCEPT SELECT id, n, word FROM words ORDER BY 1, 2, 3";

    WITH_THINGS(tenant: TenantId) -> Vec<Line>
        = "WITH t AS (SELECT maker_id, count(*) AS many FROM things WHERE tenant_id = $1 GROUP BY maker_id)
           SELECT m.id, t.many, m.word FROM makers m JOIN t ON t.maker_id = m.id WHERE m.tenant_id = $1 ORDER BY m.id";

    /// WITH gives the name of the table that it reads.
    SHADOWED(tenant: TenantId) -> Vec<Line>
        = "WITH makers AS (SELECT id, n, word FROM makers WHERE tenant_id = $1) SELECT id, n, word FROM makers ORDER BY id",
        sqlite "SELECT id, n, word FROM makers WHERE tenant_id = $1 ORDER BY id";

    WHOLE(tenant: TenantId) -> Vec<Line>
        = "SELECT p.id, h.n, m.word FROM makers m, things h, parts p
            WHERE m.tenant_id = $1 AND h.tenant_id = m.tenant_id AND p.tenant_id = h.tenant_id AND h.maker_id = m.id AND p.thing_id = h.id
            ORDER BY p.id";

    COUNTED(tenant: TenantId) -> Vec<Line>
        = "SELECT m.id, (SELECT count(*) FROM things h WHERE h.tenant_id = m.tenant_id AND h.maker_id = m.id), m.word
             FROM makers m WHERE m.tenant_id = $1 ORDER BY m.id";

    WORD(id: i64) -> Vec<Line> = "SELECT id, n, word FROM words WHERE id = $1";

    WORD_CALLED(word: String) -> Vec<Line> = "SELECT id, n, word FROM words WHERE word = $1";

    ALL_WORDS() -> Vec<Line> = "SELECT id, n, word FROM words ORDER BY id";

    USES_OF(word: i64) -> Vec<Line> = "SELECT id, n, word FROM uses WHERE word_id = $1 ORDER BY id";

    UNUSED() -> Vec<Line> = "SELECT id, n, word FROM uses WHERE word_id IS NULL ORDER BY id";

    USED(word: String) -> Vec<Line>
        = "SELECT u.id, u.n, w.word FROM uses u LEFT JOIN words w ON w.id = u.word_id AND w.word = $1 ORDER BY u.id";

    NAMED_ALIKE(tenant: TenantId) -> Vec<Line>
        = "SELECT m.id, w.n, w.word FROM makers m JOIN words w ON w.word = m.word WHERE m.tenant_id = $1 ORDER BY m.id";
}

macro_rules! asks {
    ($asks:ident; $($statement:ident $params:tt of $tenant:expr;)*) => {$({
        static SLOT: Slot = Slot::new("", Policy::rows());
        $asks.push(Ask::declared(&$statement, &SLOT, $tenant, $params));
    })*};
}

/// Each statement once, with parameters by chance.
pub(super) fn drawn(rng: &mut Rng) -> Vec<Ask> {
    let mut asks = Vec::new();
    let t = tenant(rng);
    let mut id = || rng.i64(1..6);
    let (one, two, n) = (id(), id(), id() - 1);
    let word = WORDS[rng.usize(0..WORDS.len())].to_owned();
    let many = vec![one, two, 3];
    let w = || word.clone();
    asks! { asks;
        MAKER(t, one) of t;
        MAKERS_BY_WORD(t, w()) of t;
        MAKERS_BY_BOTH(t, w(), n) of t;
        MAKERS(t,) of t;
        EVERY_MAKER() of t;
        MAKER_OF_ANYBODY(one,) of t;
        MAKERS_OR(t, one, w()) of t;
        TENANT_OR(t, one) of t;
        NOT_THAT_MAKER(t, one) of t;
        THINGS_OF(t, one) of t;
        THINGS_OF_ANY(t, many.clone()) of t;
        COUNT_THINGS(t,) of t;
        COUNT_THINGS_OF(t, one) of t;
        BY_WORD(t,) of t;
        PARTS_OF(t, one) of t;
        NEWEST_PARTS(t, many) of t;
        MADE(t, one) of t;
        PERHAPS_MADE(t,) of t;
        THEIR_THINGS(t,) of t;
        FROM_THE_RIGHT(t,) of t;
        WHO_MADE(t, n) of t;
        WHO_MADE_NOTHING(t,) of t;
        MAKERS_OF_PARTS(t, n) of t;
        BOTH_KINDS(t,) of t;
        ONE_OF_MANY(t,) of t;
        ALL_BUT(t,) of t;
        WITH_THINGS(t,) of t;
        SHADOWED(t,) of t;
        WHOLE(t,) of t;
        COUNTED(t,) of t;
        WORD(one,) of t;
        WORD_CALLED(w(),) of t;
        ALL_WORDS() of t;
        USES_OF(one,) of t;
        UNUSED() of t;
        USED(w(),) of t;
        NAMED_ALIKE(t,) of t;
    }
    asks
}
