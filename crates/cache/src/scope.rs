//! What one SELECT of a text reads, and which of its columns equal each other or a parameter.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Select, TableAlias,
    TableFactor, TableWithJoins, Value,
};

use crate::fault::{Fault, Planted};
use crate::plan::Operand;

/// What one SELECT reads.
#[derive(Default)]
pub(crate) struct Scope {
    /// Alias and table.
    pub(crate) tables: Vec<(String, String)>,
    /// Aliases of what is no table, or was not looked into.
    pub(crate) others: Vec<String>,
    /// Whether there may be more of these.
    pub(crate) is_unclear: bool,
    /// Equalities that hold for all rows that matter.
    pub(crate) equal: Vec<(Side, Side)>,
    /// Those that hold for the rows of one alias.
    pub(crate) equal_for: Vec<(String, Side, Side)>,
    /// The scopes around it.
    pub(crate) around: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Alias, where one is given, and column.
    Column(Option<String>, String),
    Fixed(Operand),
}

pub(crate) fn plain(ident: &Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

pub(crate) fn last(name: &ObjectName) -> String {
    let part = name.0.last().and_then(|part| part.as_ident());
    part.map(plain).unwrap_or_default()
}

impl Scope {
    pub(crate) fn of(
        select: &Select,
        planted: Planted,
        is_given: &dyn Fn(&ObjectName) -> bool,
    ) -> Self {
        let mut scope = Self::default();
        for from in &select.from {
            scope.factor(&from.relation, is_given);
            for join in &from.joins {
                let right = scope.factor(&join.relation, is_given);
                match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) => {
                        if let JoinConstraint::On(on) = on {
                            conjuncts(on, planted, &mut |a, b| scope.equal.push((a, b)));
                        }
                    }
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                        if let (JoinConstraint::On(on), Some(right)) = (on, right) {
                            conjuncts(on, planted, &mut |a, b| {
                                scope.equal_for.push((right.clone(), a, b));
                            });
                        }
                    }
                    _ => {}
                }
            }
        }
        if let Some(condition) = &select.selection {
            conjuncts(condition, planted, &mut |a, b| scope.equal.push((a, b)));
        }
        scope
    }

    /// Notes what stands in FROM; answers the alias of a table.
    fn factor(
        &mut self,
        factor: &TableFactor,
        is_given: &dyn Fn(&ObjectName) -> bool,
    ) -> Option<String> {
        let named = |alias: &Option<TableAlias>| alias.as_ref().map(|alias| plain(&alias.name));
        match factor {
            TableFactor::Table {
                name, alias, args, ..
            } => {
                let table = last(name);
                let alias = named(alias).unwrap_or_else(|| table.clone());
                if args.is_some() || is_given(name) {
                    self.others.push(alias);
                    return None;
                }
                self.tables.push((alias.clone(), table));
                return Some(alias);
            }
            TableFactor::Derived { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::UNNEST { alias, .. } => self.others.extend(named(alias)),
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                self.others.extend(named(alias));
                self.nested(table_with_joins);
            }
            _ => self.is_unclear = true,
        }
        None
    }

    /// Notes the aliases of a join in parentheses, whose tables are not told apart further.
    fn nested(&mut self, nested: &TableWithJoins) {
        let joined = nested.joins.iter().map(|join| &join.relation);
        let mut inside = Self::default();
        for factor in std::iter::once(&nested.relation).chain(joined) {
            inside.factor(factor, &|_| false);
        }
        let tables = inside.tables.into_iter().map(|(alias, _)| alias);
        self.others.extend(tables.chain(inside.others));
        self.is_unclear |= inside.is_unclear;
    }

    /// Whether an alias may belong here.
    pub(crate) fn may_have(&self, alias: &str) -> bool {
        let has = |name: &String| name == alias;
        self.is_unclear
            || self.others.iter().any(has)
            || self.tables.iter().any(|(name, _)| has(name))
    }

    /// The alias meant by a column that names one, or none where there is one table only.
    pub(crate) fn alias(&self, named: Option<&str>) -> Option<String> {
        match (named, self.tables.as_slice()) {
            (Some(named), tables) => {
                let mut found = tables.iter().filter(|(alias, _)| alias == named);
                match (found.next(), found.next()) {
                    (Some((alias, _)), None) => Some(alias.clone()),
                    _ => None,
                }
            }
            (None, [(alias, _)]) => Some(alias.clone()),
            (None, _) => None,
        }
    }
}

/// Finds equalities that hold wherever the condition does.
fn conjuncts(condition: &Expr, planted: Planted, found: &mut impl FnMut(Side, Side)) {
    match condition {
        Expr::Nested(inner) => conjuncts(inner, planted, found),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            conjuncts(left, planted, found);
            conjuncts(right, planted, found);
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Or,
            right,
        } if planted.has(Fault::OrTakenForAnd) => {
            conjuncts(left, planted, found);
            conjuncts(right, planted, found);
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => {
            if let (Some(left), Some(right)) = (side(left), side(right)) {
                found(left, right);
            }
        }
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => {
            if let (Some(left), Some(n)) = (side(left), array(right)) {
                found(left, Side::Fixed(Operand::OneOf(n)));
            }
        }
        _ => {}
    }
}

fn side(expr: &Expr) -> Option<Side> {
    match expr {
        Expr::Nested(inner) => side(inner),
        Expr::Identifier(column) => Some(Side::Column(None, plain(column))),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., alias, column] => Some(Side::Column(Some(plain(alias)), plain(column))),
            _ => None,
        },
        _ => parameter(expr).map(|n| Side::Fixed(Operand::Parameter(n))),
    }
}

/// A parameter as it is; one that is cast may be another value than the one that is bound.
fn parameter(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::Placeholder(text) = &value.value else {
        return None;
    };
    text.strip_prefix('$')?
        .parse::<usize>()
        .ok()?
        .checked_sub(1)
}

/// A parameter that is an array; a cast says no more than that.
fn array(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => array(inner),
        _ => parameter(expr),
    }
}
