//! What a list can be narrowed by.

use brisk_core::FieldError;
use jiff::Timestamp;
use jiff::civil::{Date, time};
use jiff::tz::TimeZone;
use sea_query::{Expr, ExprTrait as _, Func, LikeExpr};
use serde::Serialize;

/// Values of one `in`.
const MOST_VALUES: usize = 1_000;

/// How a value and a column are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Equal.
    Eq,
    /// One of several, parted by commas.
    In,
    /// A part of the text, whatever the case of its ASCII letters.
    Contains,
    /// The text's beginning, in the same way.
    Prefix,
    /// As large or larger.
    Gte,
    /// As large or smaller.
    Lte,
}

impl Operator {
    /// The word after `__`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Prefix => "prefix",
            Self::Gte => "gte",
            Self::Lte => "lte",
        }
    }
}

/// What values a filter takes.
#[derive(Clone, Copy, Debug)]
enum Values {
    Ints,
    Texts,
    Words(&'static [&'static str]),
    Instants,
}

/// A column that a list can be narrowed by.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    pub(crate) name: &'static str,
    column: &'static str,
    values: Values,
    operators: &'static [Operator],
}

impl Filter {
    const fn new(name: &'static str, values: Values, operators: &'static [Operator]) -> Self {
        assert!(
            !operators.is_empty(),
            "the first operator is that of the bare name"
        );
        Self {
            name,
            column: name,
            values,
            operators,
        }
    }

    /// Whole numbers. The first operator is that of the bare name.
    pub const fn ints(name: &'static str, operators: &'static [Operator]) -> Self {
        Self::new(name, Values::Ints, operators)
    }

    /// Texts.
    pub const fn texts(name: &'static str, operators: &'static [Operator]) -> Self {
        Self::new(name, Values::Texts, operators)
    }

    /// Some words and no others.
    pub const fn words(
        name: &'static str,
        words: &'static [&'static str],
        operators: &'static [Operator],
    ) -> Self {
        Self::new(name, Values::Words(words), operators)
    }

    /// Instants as in RFC 3339, or days: from the first moment of one, up to the last one of it.
    pub const fn instants(name: &'static str, operators: &'static [Operator]) -> Self {
        Self::new(name, Values::Instants, operators)
    }

    /// The column, where it is called otherwise than the parameter.
    #[must_use]
    pub const fn on(self, column: &'static str) -> Self {
        Self { column, ..self }
    }

    /// What `parameter`, this filter with or without an operator, narrows to.
    pub(super) fn read(
        &self,
        parameter: &str,
        operator: Option<&str>,
        value: &str,
    ) -> Result<Condition, FieldError> {
        let wrong = |code: &'static str, message: String| {
            Err(FieldError::new(parameter.to_owned(), code, message))
        };
        let usual = self.operators[0];
        let asked = operator.map_or(Some(usual), |word| self.operator(word));
        let Some(operator) = asked else {
            let all: Vec<_> = self.operators.iter().map(|o| o.as_str()).collect();
            let message = format!("has the operators {}", all.join(", "));
            return wrong("unknown_operator", message);
        };
        let texts: Vec<&str> = match operator {
            Operator::In => value.split(',').map(str::trim).collect(),
            _ => vec![value],
        };
        if texts.len() > MOST_VALUES {
            return wrong("out_of_range", format!("has {MOST_VALUES} values at most"));
        }
        let mut wanted = Vec::with_capacity(texts.len());
        for text in texts {
            match self.value(operator, text) {
                Some(value) => wanted.push(value),
                None => return wrong("wrong_type", self.values.in_words()),
            }
        }
        Ok(Condition {
            column: self.column,
            operator,
            wanted,
        })
    }

    fn operator(&self, word: &str) -> Option<Operator> {
        let mut all = self.operators.iter().copied();
        all.find(|operator| operator.as_str() == word)
    }

    fn value(&self, operator: Operator, text: &str) -> Option<Wanted> {
        match self.values {
            Values::Ints => text.parse().ok().map(Wanted::Int),
            // No text of ours holds it, and PostgreSQL cannot even be asked for one that does.
            Values::Texts => (!text.contains('\0')).then(|| Wanted::Text(text.to_owned())),
            Values::Words(words) => words.contains(&text).then(|| Wanted::Text(text.to_owned())),
            Values::Instants => instant(operator, text).map(Wanted::Instant),
        }
    }
}

impl Values {
    fn in_words(self) -> String {
        match self {
            Self::Ints => "must be a whole number".to_owned(),
            Self::Texts => "must not contain the character U+0000".to_owned(),
            Self::Words(words) => format!("must be one of {}", words.join(", ")),
            Self::Instants => "must be a day or an instant as in RFC 3339".to_owned(),
        }
    }
}

fn instant(operator: Operator, text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let day: Date = text.parse().ok()?;
    let at = match operator {
        Operator::Lte => day.to_datetime(time(23, 59, 59, 999_999_000)),
        _ => day.to_datetime(time(0, 0, 0, 0)),
    };
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
enum Wanted {
    Int(i64),
    Text(String),
    Instant(Timestamp),
}

/// A column, an operator and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Condition {
    column: &'static str,
    operator: Operator,
    wanted: Vec<Wanted>,
}

/// What a list is narrowed to: all of its conditions hold. Whoever asks for the same in another order asks for the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Narrowed(Vec<Condition>);

impl Narrowed {
    pub(super) fn new(mut conditions: Vec<Condition>) -> Self {
        conditions.sort_by_key(|condition| (condition.column, condition.operator.as_str()));
        Self(conditions)
    }

    /// Whether all rows fit.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap, for caches that count what they keep.
    pub fn heap_bytes(&self) -> usize {
        let texts = self.0.iter().flat_map(|condition| &condition.wanted);
        let texts = texts.map(|wanted| match wanted {
            Wanted::Text(text) => text.len(),
            Wanted::Int(_) | Wanted::Instant(_) => 0,
        });
        self.0.len() * size_of::<Condition>() + texts.sum::<usize>()
    }

    pub(super) fn expressions(&self) -> impl Iterator<Item = Expr> {
        self.0.iter().map(Condition::expression)
    }
}

impl Condition {
    fn expression(&self) -> Expr {
        let column = || Expr::col(self.column);
        let mut wanted = self.wanted.iter().map(Wanted::value);
        let first = wanted.next().unwrap_or_else(|| Expr::val(None::<i64>));
        match self.operator {
            Operator::Eq => column().eq(first),
            Operator::In => column().is_in(std::iter::once(first).chain(wanted)),
            Operator::Gte => column().gte(first),
            Operator::Lte => column().lte(first),
            Operator::Contains => self.like("%"),
            Operator::Prefix => self.like(""),
        }
    }

    fn like(&self, before: &str) -> Expr {
        let Some(Wanted::Text(text)) = self.wanted.first() else {
            return Expr::cust("1 = 0");
        };
        // Both engines fold only ASCII letters here, SQLite always and PostgreSQL in columns of COLLATE "C".
        let mut pattern = before.to_owned();
        for letter in text.to_ascii_lowercase().chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        Expr::from(Func::lower(Expr::col(self.column))).like(LikeExpr::new(pattern).escape('\\'))
    }
}

impl Wanted {
    fn value(&self) -> Expr {
        match self {
            Self::Int(n) => Expr::val(*n),
            Self::Text(text) => Expr::val(text.clone()),
            Self::Instant(at) => Expr::val(*at),
        }
    }
}
