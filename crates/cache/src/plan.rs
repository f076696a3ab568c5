//! What a statement's text says about the rows that its answer depends on.
//!
//! The text is parsed once. A statement that cannot be understood, or whose answer depends on more than rows and
//! parameters, is refused: it runs, and its answer is not kept.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Statement, Value, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use brisk_db::{ReadText, System};

use crate::pure::PURE;
use crate::scope::{Scope, Side, last, plain};

/// What a text reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) tables: Vec<TableRead>,
}

/// One place in the text where a table is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableRead {
    pub(crate) table: String,
    /// Columns that each row which matters has in common with a parameter.
    pub(crate) equal: Vec<(String, Operand)>,
    /// It is the only place: the answer is made of these rows alone.
    pub(crate) is_sole: bool,
}

/// What a column is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The parameter of this number, from 0.
    Parameter(usize),
    /// One of the values of this parameter.
    OneOf(usize),
}

/// Why an answer cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) String);

/// Reads a text.
pub(crate) fn plan(text: ReadText<'_>) -> Result<Plan, Unfit> {
    let numbered;
    let text = match text {
        ReadText::Declared(text) | ReadText::Built(System::Postgres, text) => text,
        ReadText::Built(System::Sqlite, text) => {
            numbered = number(text);
            &numbered
        }
    };
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, text)
        .map_err(|e| Unfit(format!("its text cannot be parsed: {e}")))?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return Err(Unfit("it is no single SELECT".to_owned()));
    };
    let mut reader = Reader::default();
    match query.visit(&mut reader) {
        ControlFlow::Break(unfit) => Err(unfit),
        ControlFlow::Continue(()) => Ok(reader.finish()),
    }
}

/// Gives parameters that count by their place a number.
fn number(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 16);
    let mut quote = None;
    let mut n = 0;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if c == '?' => {
                n += 1;
                numbered.push('$');
                numbered.push_str(&n.to_string());
                continue;
            }
            _ => {}
        }
        numbered.push(c);
    }
    numbered
}

/// Collects what the text names.
#[derive(Default)]
struct Reader {
    /// Names that WITH gives.
    given: HashSet<String>,
    /// Every table that is named anywhere.
    named: Vec<String>,
    scopes: Vec<Scope>,
}

impl Visitor for Reader {
    type Break = Unfit;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unfit> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Unfit("it locks rows".to_owned()));
        }
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.given.insert(plain(&table.alias.name));
        }
        self.body(&query.body)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Unfit> {
        self.named.push(last(relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unfit> {
        if let Expr::Function(function) = expr {
            let name = last(&function.name);
            if !PURE.contains(&name.as_str()) {
                let why = format!(
                    "its answer depends on {name}(), which is not known to depend on rows alone"
                );
                return ControlFlow::Break(Unfit(why));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &Value) -> ControlFlow<Unfit> {
        const MOMENTS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
        match value {
            Value::SingleQuotedString(text)
                if MOMENTS.iter().any(|m| text.eq_ignore_ascii_case(m)) =>
            {
                ControlFlow::Break(Unfit(format!("'{text}' may mean a moment")))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Reader {
    fn body(&mut self, body: &SetExpr) -> ControlFlow<Unfit> {
        match body {
            SetExpr::Select(select) => {
                let scope = Scope::of(select);
                self.scopes.push(scope);
                ControlFlow::Continue(())
            }
            // Visited by itself.
            SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            _ => ControlFlow::Break(Unfit("it is no plain SELECT".to_owned())),
        }
    }

    fn finish(mut self) -> Plan {
        let is_table = |name: &String| !self.given.contains(name) && !PURE.contains(&name.as_str());
        self.named.retain(is_table);
        for scope in &mut self.scopes {
            scope.tables.retain(|(_, table)| is_table(table));
        }
        let bound = self.bound();
        let mut tables = Vec::new();
        for (i, scope) in self.scopes.iter().enumerate() {
            for (alias, table) in &scope.tables {
                let known = self.named.iter().position(|named| named == table);
                known.map(|at| self.named.swap_remove(at));
                let of_it = bound.iter().filter(|((s, a, _), _)| *s == i && a == alias);
                let mut equal: Vec<(String, Operand)> = of_it
                    .map(|((_, _, column), operand)| (column.clone(), *operand))
                    .collect();
                equal.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                tables.push(TableRead {
                    table: table.clone(),
                    equal,
                    is_sole: false,
                });
            }
        }
        // Named in a way that was not looked into.
        tables.extend(self.named.into_iter().map(|table| TableRead {
            table,
            equal: Vec::new(),
            is_sole: false,
        }));
        if let [only] = tables.as_mut_slice() {
            only.is_sole = true;
        }
        Plan { tables }
    }

    /// The columns of each scope's tables that equal a parameter, also by way of other columns.
    fn bound(&self) -> HashMap<(usize, String, String), Operand> {
        let mut bound = HashMap::new();
        loop {
            let before = bound.len();
            for (i, scope) in self.scopes.iter().enumerate() {
                let both = scope.equal.iter().map(|(a, b)| (None, a, b));
                let some = scope
                    .equal_for
                    .iter()
                    .map(|(alias, a, b)| (Some(alias), a, b));
                for (only, a, b) in both.chain(some) {
                    for (to, from) in [(a, b), (b, a)] {
                        let Side::Column(alias, column) = to else {
                            continue;
                        };
                        // What is bound is a column of this scope; what binds it may be one of a scope around it.
                        let Some(alias) = scope.alias(alias.as_deref()) else {
                            continue;
                        };
                        if only.is_some_and(|only| *only != alias) {
                            continue;
                        }
                        let operand = match from {
                            Side::Fixed(operand) => Some(*operand),
                            Side::Column(of, column) => self
                                .find(i, of.as_deref())
                                .and_then(|(s, of)| bound.get(&(s, of, column.clone())).copied()),
                        };
                        if let Some(operand) = operand {
                            bound.entry((i, alias, column.clone())).or_insert(operand);
                        }
                    }
                }
            }
            if bound.len() == before {
                return bound;
            }
        }
    }

    /// The scope that an alias belongs to, seen from scope `from`.
    fn find(&self, from: usize, alias: Option<&str>) -> Option<(usize, String)> {
        if let Some(alias) = self.scopes[from].alias(alias) {
            return Some((from, alias));
        }
        let alias = alias?;
        let mut others = self
            .scopes
            .iter()
            .enumerate()
            .filter(|(_, s)| s.alias(Some(alias)).is_some());
        match (others.next(), others.next()) {
            (Some((i, _)), None) => Some((i, alias.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<String, String> {
        let plan = plan(ReadText::Declared(text)).map_err(|unfit| unfit.0)?;
        let tables = plan.tables.iter().map(|t| {
            let equal = t.equal.iter().map(|(column, operand)| match operand {
                Operand::Parameter(n) => format!(" {column}=${}", n + 1),
                Operand::OneOf(n) => format!(" {column}@${}", n + 1),
            });
            let sole = if t.is_sole { "!" } else { "" };
            format!("{}{sole}{}", t.table, equal.collect::<String>())
        });
        Ok(tables.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn one_table_with_what_its_rows_have_in_common() {
        for (text, expected) in [
            ("SELECT * FROM a WHERE t = $1 AND id = $2", "a! id=$2 t=$1"),
            (
                "SELECT count(*) FROM a AS x WHERE (x.t = $1) AND $2 = x.id AND b > $3",
                "a! id=$2 t=$1",
            ),
            ("SELECT * FROM a WHERE t = $1 OR id = $2", "a!"),
            ("SELECT * FROM a WHERE NOT (t = $1)", "a!"),
            ("SELECT * FROM a WHERE t = $1 AND lower(b) = $2", "a! t=$1"),
            ("SELECT * FROM a WHERE t = $1::bigint", "a!"),
            (
                "SELECT id, k AS brisk_key FROM a WHERE t = $1 AND k = ANY($2::bigint[])",
                "a! k@$2 t=$1",
            ),
            (
                "SELECT x FROM (SELECT x, row_number() OVER (PARTITION BY k ORDER BY x) n FROM a WHERE t = $1 AND k = ANY($2::bigint[])) r WHERE n <= 3",
                "a! k@$2 t=$1",
            ),
            ("SELECT 1", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn several_tables_share_a_tenant_by_way_of_their_joins() {
        for (text, expected) in [
            (
                "SELECT * FROM a JOIN b ON b.t = a.t AND b.a = a.id WHERE a.t = $1 AND a.id = $2",
                "a id=$2 t=$1; b a=$2 t=$1",
            ),
            (
                "SELECT * FROM a LEFT JOIN b ON b.t = a.t WHERE a.t = $1",
                "a t=$1; b t=$1",
            ),
            // What stands beside LEFT JOIN says nothing about the rows of its left side.
            (
                "SELECT * FROM a LEFT JOIN b ON a.t = $1 AND b.t = $1",
                "a; b t=$1",
            ),
            (
                "SELECT * FROM a FULL JOIN b ON a.t = $1 AND b.t = $1",
                "a; b",
            ),
            ("SELECT * FROM a, b WHERE a.t = $1 AND t = $2", "a t=$1; b"),
            (
                "SELECT * FROM a WHERE a.t = $1 AND EXISTS (SELECT 1 FROM b WHERE b.t = a.t)",
                "a t=$1; b t=$1",
            ),
            // What holds inside says nothing about the rows outside.
            (
                "SELECT * FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.t = $1 AND a.t = b.t)",
                "a; b t=$1",
            ),
            (
                "WITH c AS (SELECT * FROM a WHERE t = $1) SELECT * FROM c JOIN b ON b.t = $1",
                "b t=$1; a t=$1",
            ),
            (
                "SELECT t FROM a WHERE t = $1 UNION SELECT t FROM a",
                "a t=$1; a",
            ),
        ] {
            let mut expected: Vec<_> = expected.split("; ").collect();
            let read = read(text).unwrap();
            let mut found: Vec<_> = read.split("; ").collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_depends_on_more_than_rows_is_refused() {
        for (text, word) in [
            ("SELECT * FROM a WHERE at > now()", "now()"),
            (
                "SELECT * FROM a WHERE at > CURRENT_TIMESTAMP",
                "current_timestamp",
            ),
            ("SELECT * FROM a WHERE at > 'now'::timestamptz", "moment"),
            ("SELECT random() FROM a", "random"),
            ("SELECT ours(x) FROM a", "ours()"),
            ("SELECT * FROM a FOR UPDATE", "locks"),
            ("UPDATE a SET b = 1", "SELECT"),
            (
                "WITH x AS (DELETE FROM a RETURNING id) SELECT * FROM x",
                "SELECT",
            ),
            ("SELECT (", "parsed"),
        ] {
            let unfit = read(text).unwrap_err();
            assert!(
                unfit.to_lowercase().contains(&word.to_lowercase()),
                "{text}: {unfit}"
            );
        }
    }

    #[test]
    fn parameters_that_count_by_their_place_get_their_number() {
        let text = r#"SELECT "a?" FROM "a" WHERE "t" = ? AND b = '?' AND "id" = ? LIMIT ?"#;
        let plan = plan(ReadText::Built(System::Sqlite, text)).unwrap();
        assert_eq!(
            plan.tables[0].equal[0],
            ("id".to_owned(), Operand::Parameter(1))
        );
        assert_eq!(
            plan.tables[0].equal[1],
            ("t".to_owned(), Operand::Parameter(0))
        );
    }
}
