//! What a statement's text says about the rows that its answer depends on.
//!
//! The text is parsed once. A statement that cannot be understood, or whose answer depends on more than rows and
//! parameters, is refused: it runs, and its answer is not kept.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    Expr, ObjectName, Query, SetExpr, Statement, TableFactor, Value, Visit, Visitor, With,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use brisk_db::{ReadText, System};

use crate::fault::{Fault, Planted};
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
pub(crate) fn plan(text: ReadText<'_>, planted: Planted) -> Result<Plan, Unfit> {
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
    let mut reader = Reader {
        planted,
        ..Reader::default()
    };
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
    planted: Planted,
    /// The queries around the place in the text.
    around: Vec<Around>,
    /// Every table that is named anywhere.
    named: Vec<String>,
    /// The next name is that of a function.
    is_function: bool,
    scopes: Vec<Scope>,
}

/// A query, seen from inside.
struct Around {
    /// The queries that its WITH names, by where they lie.
    given: Vec<(usize, String)>,
    /// How many of them a name at this place may mean.
    visible: usize,
    is_recursive: bool,
    /// Its own scopes.
    scopes: Range<usize>,
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

impl Visitor for Reader {
    type Break = Unfit;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Unfit> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Unfit("it locks rows".to_owned()));
        }
        let is_hiding = self.planted.has(Fault::WithHidesTables);
        if let Some((around, place)) = self.given_as(query) {
            // A query of WITH sees those before it; itself and all others where it says RECURSIVE.
            around.visible = if around.is_recursive || is_hiding {
                around.given.len()
            } else {
                place
            };
        }
        let with = query.with.as_ref();
        let given = with.map_or(&[][..], |with: &With| &with.cte_tables);
        let given = given
            .iter()
            .map(|table| (address(&table.query), plain(&table.alias.name)));
        let first = self.scopes.len();
        self.around.push(Around {
            given: given.collect(),
            // All, for the query's own FROM; the queries of WITH, which come first, see fewer.
            visible: usize::MAX,
            is_recursive: with.is_some_and(|with| with.recursive),
            scopes: first..first,
        });
        self.body(&query.body)?;
        if let Some(around) = self.around.last_mut() {
            around.scopes.end = self.scopes.len();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Unfit> {
        self.around.pop();
        if let Some((around, _)) = self.given_as(query) {
            around.visible = usize::MAX;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Unfit> {
        match factor {
            TableFactor::Table {
                sample: Some(_), ..
            } => ControlFlow::Break(Unfit("it takes a sample".to_owned())),
            TableFactor::Table {
                name,
                args: Some(_),
                ..
            } => {
                self.is_function = true;
                pure(name)
            }
            TableFactor::Function { name, .. } => pure(name),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Unfit> {
        if std::mem::take(&mut self.is_function) || self.is_given(relation) {
            return ControlFlow::Continue(());
        }
        if relation.0.len() > 1 {
            // What is captured are the tables of one schema.
            let why = format!("it names the schema of {}", last(relation));
            return ControlFlow::Break(Unfit(why));
        }
        self.named.push(last(relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Unfit> {
        match expr {
            Expr::Function(function) => pure(&function.name),
            _ => ControlFlow::Continue(()),
        }
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

/// A function of somebody's own may have any name in a schema of his own.
fn pure(function: &ObjectName) -> ControlFlow<Unfit> {
    let name = last(function);
    if function.0.len() == 1 && PURE.contains(&name.as_str()) {
        return ControlFlow::Continue(());
    }
    ControlFlow::Break(Unfit(format!(
        "its answer depends on {name}(), which is not known to depend on rows alone"
    )))
}

impl Reader {
    /// The query around that names this one in its WITH, and at which place.
    fn given_as(&mut self, query: &Query) -> Option<(&mut Around, usize)> {
        let around = self.around.last_mut()?;
        let mut given = around.given.iter();
        let place = given.position(|(at, _)| *at == address(query))?;
        Some((around, place))
    }

    /// Whether a name at this place means a query of WITH.
    fn is_given(&self, name: &ObjectName) -> bool {
        let plain = last(name);
        let means = |around: &Around| {
            let mut visible = around.given.iter().take(around.visible);
            visible.any(|(_, given)| *given == plain)
        };
        name.0.len() == 1 && self.around.iter().any(means)
    }

    fn body(&mut self, body: &SetExpr) -> ControlFlow<Unfit> {
        match body {
            SetExpr::Select(select) => {
                let mut scope = Scope::of(select, self.planted, &|name| self.is_given(name));
                let around = self.around.iter();
                let around = around.flat_map(|around| around.scopes.clone());
                scope.around = around.collect();
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
                });
            }
        }
        // Named in a way that was not looked into.
        tables.extend(self.named.into_iter().map(|table| TableRead {
            table,
            equal: Vec::new(),
        }));
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
                        let is_wrong = self.planted.has(Fault::LeftJoinForBoth);
                        if only.is_some_and(|only| *only != alias && !is_wrong) {
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

    /// The scope that an alias belongs to, seen from scope `from`; none where that is not certain.
    fn find(&self, from: usize, alias: Option<&str>) -> Option<(usize, String)> {
        let own = &self.scopes[from];
        if let Some(alias) = own.alias(alias) {
            return Some((from, alias));
        }
        let alias = alias?;
        if own.may_have(alias) {
            return None;
        }
        let around = own.around.iter();
        let mut others = around.filter(|i| self.scopes[**i].may_have(alias));
        match (others.next(), others.next()) {
            (Some(i), None) => Some((*i, self.scopes[*i].alias(Some(alias))?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<String, String> {
        let plan = plan(ReadText::Declared(text), Planted::default()).map_err(|unfit| unfit.0)?;
        let tables = plan.tables.iter().map(|t| {
            let equal = t.equal.iter().map(|(column, operand)| match operand {
                Operand::Parameter(n) => format!(" {column}=${}", n + 1),
                Operand::OneOf(n) => format!(" {column}@${}", n + 1),
            });
            format!("{}{}", t.table, equal.collect::<String>())
        });
        Ok(tables.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn one_table_with_what_its_rows_have_in_common() {
        for (text, expected) in [
            ("SELECT * FROM a WHERE t = $1 AND id = $2", "a id=$2 t=$1"),
            (
                "SELECT count(*) FROM a AS x WHERE (x.t = $1) AND $2 = x.id AND b > $3",
                "a id=$2 t=$1",
            ),
            ("SELECT * FROM a WHERE t = $1 OR id = $2", "a"),
            ("SELECT * FROM a WHERE NOT (t = $1)", "a"),
            ("SELECT * FROM a WHERE t = $1 AND lower(b) = $2", "a t=$1"),
            ("SELECT * FROM a WHERE t = $1::bigint", "a"),
            (
                "SELECT id, k AS brisk_key FROM a WHERE t = $1 AND k = ANY($2::bigint[])",
                "a k@$2 t=$1",
            ),
            (
                "SELECT x FROM (SELECT x, row_number() OVER (PARTITION BY k ORDER BY x) n FROM a WHERE t = $1 AND k = ANY($2::bigint[])) r WHERE n <= 3",
                "a k@$2 t=$1",
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
            // A name that WITH gives means the table where it is not given yet, and outside of the query that gives it.
            (
                "WITH a AS (SELECT * FROM a WHERE t = $1) SELECT * FROM a",
                "a t=$1",
            ),
            (
                "WITH c AS (SELECT * FROM a WHERE t = $1), a AS (SELECT * FROM c) SELECT * FROM a",
                "a t=$1",
            ),
            (
                "SELECT * FROM b WHERE t = $1 AND EXISTS (WITH b AS (SELECT 1) SELECT 1 FROM b)",
                "b t=$1",
            ),
            (
                "WITH RECURSIVE r AS (SELECT id FROM a WHERE t = $1 UNION ALL SELECT a.up FROM a JOIN r ON a.id = r.up WHERE a.t = $1) SELECT * FROM r",
                "a t=$1; a t=$1",
            ),
            // A table may be called as a function is.
            ("SELECT * FROM rank WHERE t = $1", "rank t=$1"),
            (
                "SELECT * FROM a, json_each($2) j WHERE a.t = $1 AND a.k = j.value",
                "a t=$1",
            ),
            // An alias means what stands around it, not what stands beside it.
            (
                "SELECT * FROM a JOIN (SELECT t FROM b) x ON a.t = x.t WHERE EXISTS (SELECT 1 FROM d x WHERE x.t = $1)",
                "a; b; d t=$1",
            ),
            (
                "SELECT * FROM (a JOIN b x ON true) WHERE EXISTS (SELECT 1 FROM c WHERE c.t = x.t) AND EXISTS (SELECT 1 FROM d x WHERE x.t = $1)",
                "a; b; c; d t=$1",
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
            ("SELECT ours.lower(x) FROM a", "lower()"),
            ("SELECT * FROM ours($1)", "ours()"),
            ("SELECT * FROM other.a", "schema"),
            ("SELECT * FROM a TABLESAMPLE SYSTEM (10)", "sample"),
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
        let text = ReadText::Built(System::Sqlite, text);
        let plan = plan(text, Planted::default()).unwrap();
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
