//! The plan as SQLite tells it. It knows no numbers of rows, so those that came back stand for them.

use std::panic::Location;

use brisk_core::{Deadline, TenantId};

use super::text::{self, Wanted};
use super::{LARGE, PATIENCE, Question, SELECTIVE};
use crate::error::Error;
use crate::row::{DecodeError, FromRow, Row};
use crate::sqlite::Sqlite;
use crate::statement::{Call, CallText};
use crate::value::Value;

/// One line of a plan.
struct Line(String);

impl FromRow for Line {
    const COLUMNS: &'static [&'static str] = &["id", "parent", "notused", "detail"];

    fn from_row(row: &Row<'_>) -> Result<Self, DecodeError> {
        row.get(3).map(Self)
    }
}

/// The statement that makes the index which is missing.
pub(super) async fn missing(engine: &Sqlite, question: &Question) -> Result<Option<String>, Error> {
    let explain = format!("EXPLAIN QUERY PLAN {}", question.text);
    let plan: Vec<Line> = ask(engine, explain, question.values.clone()).await?;
    let sorts = plan
        .iter()
        .any(|line| line.0.starts_with("USE TEMP B-TREE FOR") && line.0.ends_with("ORDER BY"));
    for line in &plan {
        let Some(name) = line
            .0
            .strip_prefix("SCAN ")
            .filter(|name| !name.contains(' '))
        else {
            continue;
        };
        let Some((table, wanted)) = text::table_named(&question.text, name)
            .and_then(|table| text::wanted(&question.text, &table).map(|wanted| (table, wanted)))
        else {
            continue;
        };
        if !is_selective(question, &wanted, sorts) {
            continue;
        }
        let of = |text: &str| {
            ask::<String>(
                engine,
                text.to_owned(),
                vec![Value::Text(table.clone().into())],
            )
        };
        let columns = of("SELECT name FROM pragma_table_info(?1)").await?;
        let Some(index) = wanted.index(&table, &columns) else {
            continue;
        };
        let rows = format!("SELECT count(*) FROM (SELECT 1 FROM \"{table}\" LIMIT {LARGE})");
        if ask::<i64>(engine, rows, Vec::new()).await? != [LARGE] {
            continue;
        }
        let indexes = of(
            "SELECT coalesce((SELECT group_concat(c.name, ',') FROM pragma_index_info(i.name) AS c), '')
                FROM pragma_index_list(?1) AS i WHERE i.partial = 0",
        );
        let served = indexes.await?.iter().any(|columns| {
            let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
            index.is_served_by(&columns)
        });
        if !served {
            return Ok(Some(index.sql()));
        }
    }
    Ok(None)
}

/// Whether the conditions leave few rows of a large table, as far as can be told.
fn is_selective(question: &Question, wanted: &Wanted, sorts: bool) -> bool {
    if wanted.limited {
        // Without a sort it stops at the first few.
        return sorts && !wanted.order.is_empty();
    }
    if wanted.summed {
        // Nobody can tell how many went into the sum; a tenant's rows may be all of them.
        return wanted
            .equal
            .iter()
            .chain(&wanted.range)
            .any(|c| c != "tenant_id");
    }
    i64::try_from(question.rows).is_ok_and(|rows| rows * SELECTIVE <= LARGE)
}

async fn ask<R: FromRow>(
    engine: &Sqlite,
    text: String,
    values: Vec<Value>,
) -> Result<Vec<R>, Error> {
    let call = Call {
        name: "db.explain",
        text: CallText::Built(text),
        writes: false,
        slow: true,
        values,
        kinds: Vec::new,
        deadline: Deadline::after(PATIENCE),
        site: Location::caller(),
        seen: None,
    };
    let (rows, _) = engine.run::<Vec<R>>(call, TenantId::PLATFORM).await?;
    Ok(rows)
}
