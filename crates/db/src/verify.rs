//! Prepares declared statements against the open database and compares what it says with what was declared.

use crate::database::{Db, Engine};
use crate::error::Error;
use crate::statement::Declared;
use crate::value::Kind;

/// A statement that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The statement's name.
    pub statement: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// What a database says about a text.
struct Description {
    columns: Vec<String>,
    /// Type names, where the database knows them.
    parameters: Vec<Option<String>>,
}

impl Db {
    /// Prepares every statement; answers those that the database refuses or understands otherwise.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked at all.
    pub async fn verify(
        &self,
        statements: &[&'static dyn Declared],
    ) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        match self.engine() {
            Engine::Sqlite(engine) => {
                let list = statements.to_vec();
                let described = engine
                    .exclusively("db.verify", move |conn| {
                        Ok(list
                            .iter()
                            .map(|s| crate::sqlite::describe(conn, s.sqlite()))
                            .collect::<Vec<_>>())
                    })
                    .await?;
                for (statement, result) in statements.iter().zip(described) {
                    let description = result
                        .map(|(columns, count)| Description {
                            columns,
                            parameters: vec![None; count],
                        })
                        .map_err(|e| e.to_string());
                    findings.extend(compare(*statement, description));
                }
            }
            Engine::Postgres(engine) => {
                let client = engine.checkout("db.verify").await?;
                for statement in statements {
                    let description = client
                        .prepare(statement.postgres())
                        .await
                        .map(|prepared| Description {
                            columns: prepared
                                .columns()
                                .iter()
                                .map(|c| c.name().to_owned())
                                .collect(),
                            parameters: prepared
                                .params()
                                .iter()
                                .map(|t| Some(t.name().to_owned()))
                                .collect(),
                        })
                        .map_err(|e| {
                            e.as_db_error()
                                .map_or_else(|| e.to_string(), ToString::to_string)
                        });
                    findings.extend(compare(*statement, description));
                }
                client.clean();
            }
        }
        Ok(findings)
    }
}

fn compare(
    statement: &'static dyn Declared,
    description: Result<Description, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |problem: String| {
        findings.push(Finding {
            statement: statement.name(),
            problem,
        });
    };
    let described = match description {
        Ok(described) => described,
        Err(refusal) => {
            find(refusal);
            return findings;
        }
    };
    let declared = statement.parameters();
    if declared.len() != described.parameters.len() {
        find(format!(
            "declares {} parameters, the text has {}",
            declared.len(),
            described.parameters.len()
        ));
    }
    for (i, (kind, name)) in declared.iter().zip(&described.parameters).enumerate() {
        if let Some(name) = name
            && !fits(*kind, name)
        {
            find(format!(
                "${} is declared {}, the database wants {name}",
                i + 1,
                kind.postgres_name()
            ));
        }
    }
    let wanted = statement.columns();
    if wanted == ["*"] {
        if described.columns.len() != 1 {
            find(format!(
                "wants one column, the text answers {:?}",
                described.columns
            ));
        }
    } else if !wanted.is_empty() && wanted != described.columns {
        find(format!(
            "reads the columns {wanted:?}, the text answers {:?}",
            described.columns
        ));
    }
    findings
}

/// Whether our encoding of `kind` is what the server expects for type `name`.
fn fits(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Bool => name == "bool",
        Kind::Int4 | Kind::Int8 => matches!(name, "int2" | "int4" | "int8" | "float8"),
        Kind::Float8 => matches!(name, "float4" | "float8"),
        Kind::Text => matches!(name, "text" | "varchar" | "name" | "bpchar"),
        Kind::Bytes => name == "bytea",
        Kind::Uuid => name == "uuid",
        Kind::Instant => name == "timestamptz",
        Kind::Date => name == "date",
        Kind::Json => matches!(name, "json" | "jsonb"),
        Kind::Int8Array => name == "_int8",
        Kind::TextArray => matches!(name, "_text" | "_varchar"),
        Kind::UuidArray => name == "_uuid",
    }
}
