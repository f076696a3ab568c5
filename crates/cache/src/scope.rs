//! What one SELECT of a text reads, and which of its columns equal each other or a parameter.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Select, TableFactor,
    Value,
};

use crate::plan::Operand;

/// What one SELECT reads.
#[derive(Default)]
pub(crate) struct Scope {
    /// Alias and table.
    pub(crate) tables: Vec<(String, String)>,
    /// Equalities that hold for all rows that matter.
    pub(crate) equal: Vec<(Side, Side)>,
    /// Those that hold for the rows of one alias.
    pub(crate) equal_for: Vec<(String, Side, Side)>,
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
    pub(crate) fn of(select: &Select) -> Self {
        let mut scope = Self::default();
        for from in &select.from {
            scope.factor(&from.relation);
            for join in &from.joins {
                let right = scope.factor(&join.relation);
                match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) => {
                        if let JoinConstraint::On(on) = on {
                            conjuncts(on, &mut |a, b| scope.equal.push((a, b)));
                        }
                    }
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                        if let (JoinConstraint::On(on), Some(right)) = (on, right) {
                            conjuncts(on, &mut |a, b| scope.equal_for.push((right.clone(), a, b)));
                        }
                    }
                    _ => {}
                }
            }
        }
        if let Some(condition) = &select.selection {
            conjuncts(condition, &mut |a, b| scope.equal.push((a, b)));
        }
        scope
    }

    /// Notes a table; answers its alias.
    fn factor(&mut self, factor: &TableFactor) -> Option<String> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return None;
        };
        let table = last(name);
        let alias = alias
            .as_ref()
            .map_or_else(|| table.clone(), |a| plain(&a.name));
        self.tables.push((alias.clone(), table));
        Some(alias)
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
fn conjuncts(condition: &Expr, found: &mut impl FnMut(Side, Side)) {
    match condition {
        Expr::Nested(inner) => conjuncts(inner, found),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            conjuncts(left, found);
            conjuncts(right, found);
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
