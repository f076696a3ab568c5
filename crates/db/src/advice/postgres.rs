//! The plan as PostgreSQL tells it.

use futures::{TryStreamExt as _, pin_mut};
use postgres_types::{FromSql, Type};
use serde_json::Value as Json;

use super::{LARGE, Question, SELECTIVE, failed, text};
use crate::column::BoxedError;
use crate::error::Error;
use crate::postgres::Postgres;

/// A document as the text that it is.
struct Document(Json);

impl<'a> FromSql<'a> for Document {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxedError> {
        Ok(Self(serde_json::from_slice(raw)?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }
}

/// One table of a plan.
#[derive(Debug, PartialEq)]
struct Scan {
    table: String,
    /// Whether all of it is read.
    whole: bool,
    /// Rows that are left of it.
    rows: f64,
    /// Whether they are sorted for the sake of the first few.
    sorted: bool,
}

/// The statement that makes the index which is missing.
pub(super) async fn missing(
    engine: &Postgres,
    question: &Question,
) -> Result<Option<String>, Error> {
    let client = engine.checkout("db.explain").await?;
    let explain = format!("EXPLAIN (FORMAT JSON) {}", question.text);
    let statement = client.prepare(&explain).await.map_err(failed)?;
    let rows = client
        .query_raw(&statement, &question.values)
        .await
        .map_err(failed)?;
    pin_mut!(rows);
    let mut scans = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let Document(plan) = row.try_get(0).map_err(failed)?;
        walk(&plan[0]["Plan"], Above::default(), &mut scans);
    }
    let mut advice = None;
    for scan in scans {
        let Some(wanted) = text::wanted(&question.text, &scan.table) else {
            continue;
        };
        // A table that was never analysed has -1 rows; then a row takes 100 bytes.
        let sizes = "SELECT CASE WHEN reltuples >= 0 THEN reltuples ELSE pg_relation_size(oid) / 100.0 END::float8
            FROM pg_class WHERE oid = to_regclass($1)";
        let size = client.query_opt(sizes, &[&scan.table]).await;
        let size = size
            .map_err(failed)?
            .map_or(0.0, |row| row.get::<_, f64>(0));
        let large = f64::from(u32::try_from(LARGE).unwrap_or(u32::MAX));
        let selective = f64::from(u32::try_from(SELECTIVE).unwrap_or(u32::MAX));
        let seldom = scan.whole && scan.rows * selective <= size;
        let sorts = scan.sorted && scan.rows >= large && wanted.limited && !wanted.order.is_empty();
        if size < large || !(seldom || sorts) {
            continue;
        }
        let columns = "SELECT attname::text FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
        let columns = client
            .query(columns, &[&scan.table])
            .await
            .map_err(failed)?;
        let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        let Some(index) = wanted.index(&scan.table, &columns) else {
            continue;
        };
        let indexes = "SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
            FROM pg_index i WHERE i.indrelid = to_regclass($1) AND i.indpred IS NULL";
        let indexes = client
            .query(indexes, &[&scan.table])
            .await
            .map_err(failed)?;
        let mut existing = indexes.iter().map(|row| row.get::<_, Vec<String>>(0));
        if !existing.any(|columns| index.is_served_by(&columns)) {
            advice = Some(index.sql());
            break;
        }
    }
    client.clean();
    Ok(advice)
}

/// What stands above a part of a plan.
#[derive(Clone, Copy, Default)]
struct Above {
    limited: bool,
    sorted: bool,
}

fn walk(node: &Json, above: Above, scans: &mut Vec<Scan>) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let below = match kind {
        "Limit" => Above {
            limited: true,
            sorted: false,
        },
        "Sort" | "Incremental Sort" => Above {
            sorted: above.limited,
            ..above
        },
        "Gather" | "Gather Merge" | "Bitmap Heap Scan" => above,
        _ => Above::default(),
    };
    if let Some(table) = node["Relation Name"].as_str() {
        let writes = kind == "ModifyTable";
        let workers = node["Parallel Aware"].as_bool().unwrap_or_default();
        if !writes {
            scans.push(Scan {
                table: table.to_owned(),
                whole: kind == "Seq Scan",
                // Of each of three processes, as a rule.
                rows: node["Plan Rows"].as_f64().unwrap_or_default()
                    * if workers { 2.4 } else { 1.0 },
                sorted: above.sorted,
            });
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, below, scans);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_for_the_first_few_is_told_of_the_table_below_it() {
        let plan = serde_json::json!({
            "Node Type": "Limit", "Plans": [{
                "Node Type": "Sort", "Plans": [{
                    "Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 20_000
                }]
            }]
        });
        let mut scans = Vec::new();
        walk(&plan, Above::default(), &mut scans);
        let expected = Scan {
            table: "t".to_owned(),
            whole: true,
            rows: 20_000.0,
            sorted: true,
        };
        assert_eq!(scans, [expected]);
    }
}
