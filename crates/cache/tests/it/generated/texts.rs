//! Statements put together by chance: joins of every kind, conditions of any shape, subqueries, WITH, UNION.

use std::fmt::Write as _;

use brisk_cache::{CacheKey, Policy, Slot};
use brisk_core::TenantId;
use brisk_db::{Params, Statement};
use fastrand::Rng;

use super::asks::{Ask, Lines};

/// Tables with the columns that others refer to and that they refer by; the first three have tenants.
const TABLES: [(&str, &str); 5] = [
    ("makers", "id"),
    ("things", "maker_id"),
    ("parts", "thing_id"),
    ("words", "id"),
    ("uses", "word_id"),
];

/// Parameters of one statement at most; more numbers stand in the text.
const MOST: usize = 4;

/// One statement in the making.
struct Text<'a> {
    rng: &'a mut Rng,
    /// Whether each alias in reach has a tenant, from the outside in.
    aliases: Vec<(String, usize)>,
    next: u32,
    /// The tenant first.
    values: Vec<i64>,
}

impl Text<'_> {
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.usize(0..all.len())]
    }

    fn value(&mut self, value: i64) -> String {
        if let Some(known) = self.values.iter().position(|v| *v == value) {
            return format!("${}", known + 1);
        }
        if self.values.len() >= MOST || self.rng.u8(0..4) == 0 {
            return value.to_string();
        }
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn number(&mut self) -> String {
        let value = self.rng.i64(0..6);
        self.value(value)
    }

    fn tenant(&mut self) -> String {
        let value = self.values[0];
        self.value(value)
    }

    /// A column of an alias in reach; usually of the nearest.
    fn column(&mut self) -> String {
        let last = self.aliases.len() - 1;
        let at = if self.rng.u8(0..4) == 0 {
            self.rng.usize(0..=last)
        } else {
            last
        };
        let (alias, table) = self.aliases[at].clone();
        let column = self.one_of(&["id", "n", TABLES[table].1]);
        format!("{alias}.{column}")
    }

    /// FROM with one to three tables; answers their aliases.
    fn from(&mut self) -> (String, Vec<String>) {
        let first = self.alias();
        let mut text = format!("{} {}", TABLES[first.1].0, first.0);
        let mut own = vec![first];
        for _ in 0..self.one_of(&[0, 0, 1, 1, 2]) {
            let joined = self.alias();
            let join = self.one_of(&["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN"]);
            let to = self.rng.usize(0..own.len());
            let on = self.link(&own[to].clone(), &joined);
            write!(text, " {join} {} {} ON {on}", TABLES[joined.1].0, joined.0).unwrap();
            own.push(joined);
        }
        (text, own.into_iter().map(|(alias, _)| alias).collect())
    }

    /// A new alias, in reach from now on.
    fn alias(&mut self) -> (String, usize) {
        self.next += 1;
        // Some are used again inside.
        let name = if self.rng.u8(0..6) == 0 && self.next > 3 {
            format!("x{}", self.next - 3)
        } else {
            format!("x{}", self.next)
        };
        let table = self.one_of(&[0, 0, 1, 1, 2, 3, 4]);
        self.aliases.push((name.clone(), table));
        (name, table)
    }

    /// What two tables have in common.
    fn link(&mut self, one: &(String, usize), two: &(String, usize)) -> String {
        let (a, b) = (&one.0, &two.0);
        let mut parts = Vec::new();
        if one.1 < 3 && two.1 < 3 && self.rng.u8(0..8) > 0 {
            parts.push(format!("{a}.tenant_id = {b}.tenant_id"));
        } else if two.1 < 3 && self.rng.bool() {
            let tenant = self.tenant();
            parts.push(format!("{b}.tenant_id = {tenant}"));
        }
        parts.push(match self.rng.u8(0..4) {
            0 => format!("{a}.n = {b}.n"),
            1 => format!("{b}.id = {a}.{}", TABLES[one.1].1),
            _ => format!("{a}.id = {b}.{}", TABLES[two.1].1),
        });
        if one.1 < 3 && self.rng.u8(0..4) == 0 {
            let tenant = self.tenant();
            parts.push(format!("{a}.tenant_id = {tenant}"));
        }
        parts.join(" AND ")
    }

    /// WHERE for tables with these aliases.
    fn condition(&mut self, own: &[String], depth: u32) -> String {
        let mut parts = Vec::new();
        for alias in own {
            let known = self.aliases.iter().rev().find(|(name, _)| name == alias);
            let table = known.map_or(0, |(_, table)| *table);
            if table < 3 && self.rng.u8(0..10) < 7 {
                let tenant = self.tenant();
                parts.push(if self.rng.bool() {
                    format!("{alias}.tenant_id = {tenant}")
                } else {
                    format!("{tenant} = {alias}.tenant_id")
                });
            }
        }
        for _ in 0..self.rng.u8(0..3) {
            parts.push(self.leaf(depth));
        }
        if parts.is_empty() {
            return "1 = 1".to_owned();
        }
        let mut text = parts.remove(0);
        for part in parts {
            // Mostly AND, so that something can be known.
            let with = if self.rng.u8(0..8) == 0 { "OR" } else { "AND" };
            text = format!("{text} {with} {part}");
        }
        text
    }

    fn leaf(&mut self, depth: u32) -> String {
        let column = self.column();
        match self.rng.u8(0..12) {
            0..4 => format!("{column} = {}", self.number()),
            4 => format!("{column} > {}", self.number()),
            5 => format!("{column} IS NULL"),
            6 => format!("NOT ({column} = {})", self.number()),
            7 => format!("{column} = {}", self.column()),
            8 => {
                let (one, two) = (self.number(), self.number());
                format!("({column} = {one} OR {column} = {two})")
            }
            9 => {
                let (one, two) = (self.number(), self.number());
                format!("{column} IN ({one}, {two})")
            }
            _ if depth == 0 => format!("{column} < {}", self.number()),
            10 => {
                let inner = self.inner("1", depth - 1);
                let not = self.one_of(&["", "", "NOT "]);
                format!("{not}EXISTS ({inner})")
            }
            _ => {
                let inner = self.inner("", depth - 1);
                format!("{column} IN ({inner})")
            }
        }
    }

    /// A query inside a condition.
    fn inner(&mut self, answer: &str, depth: u32) -> String {
        let reach = self.aliases.len();
        let (from, own) = self.from();
        let condition = self.condition(&own, depth);
        let answer = if answer.is_empty() {
            format!("{}.id", own[0])
        } else {
            answer.to_owned()
        };
        self.aliases.truncate(reach);
        format!("SELECT {answer} FROM {from} WHERE {condition}")
    }

    /// A query of lines.
    fn lines(&mut self) -> String {
        let reach = self.aliases.len();
        let (from, own) = self.from();
        let condition = self.condition(&own, 2);
        let (first, last) = (&own[0], &own[own.len() - 1]);
        let text = if self.rng.u8(0..4) == 0 {
            format!(
                "SELECT count(*) AS id, CAST(sum({last}.n) AS bigint) AS n, min({first}.word) AS word FROM {from} WHERE {condition}"
            )
        } else {
            format!(
                "SELECT coalesce({first}.id, 0) AS id, {last}.n AS n, {first}.word AS word FROM {from} WHERE {condition}"
            )
        };
        self.aliases.truncate(reach);
        text
    }

    fn whole(&mut self) -> String {
        let text = match self.rng.u8(0..8) {
            0 => {
                // A table's name means the table in the query that gets the name.
                let name = self.one_of(&["c", "c", "words", "makers"]);
                let given = self.lines();
                format!("WITH {name} AS ({given}) SELECT id, n, word FROM {name}")
            }
            1 => {
                let with = self.one_of(&["UNION ALL", "UNION", "EXCEPT"]);
                format!("{} {with} {}", self.lines(), self.lines())
            }
            2 => format!(
                "SELECT d.id, d.n, d.word FROM ({}) AS d WHERE d.n = {}",
                self.lines(),
                self.number()
            ),
            _ => self.lines(),
        };
        format!("{text} ORDER BY 1, 2, 3")
    }
}

/// A statement by chance.
pub(super) fn drawn(rng: &mut Rng) -> Ask {
    let tenant = super::writes::tenant(rng);
    let mut text = Text {
        rng,
        aliases: Vec::new(),
        next: 0,
        values: vec![tenant.0],
    };
    let mut whole = text.whole();
    let mut values = text.values;
    if !whole.contains("$1") {
        // Each parameter has to stand in the text.
        whole = whole.replace("ORDER BY", "LIMIT 1000");
        values.remove(0);
        for n in 2..=MOST {
            whole = whole.replace(&format!("${n}"), &format!("${}", n - 1));
        }
        whole = whole.replace("LIMIT 1000", "ORDER BY");
    }
    match *values.as_slice() {
        [] => asked(whole, tenant, ()),
        [a] => asked(whole, tenant, (a,)),
        [a, b] => asked(whole, tenant, (a, b)),
        [a, b, c] => asked(whole, tenant, (a, b, c)),
        [a, b, c, d] => asked(whole, tenant, (a, b, c, d)),
        _ => unreachable!("so many are never made"),
    }
}

fn asked<P: Params + CacheKey>(text: String, tenant: TenantId, params: P) -> Ask {
    // Declared statements are static.
    let sqlite: &'static str = text.replace('$', "?").leak();
    let text: &'static str = text.leak();
    let statement = Box::leak(Box::new(Statement::<P, Lines>::declare(
        "generated.drawn",
        text,
        sqlite,
        false,
        false,
    )));
    let slot = Box::leak(Box::new(Slot::new("", Policy::rows())));
    let mut ask = Ask::declared(statement, slot, tenant, params);
    ask.text = format!("{} -- {text}", ask.text);
    ask
}
