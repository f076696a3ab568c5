//! A database that a test looks at from outside.

use crate::files::SqliteFile;
use crate::servers::Database;

/// Where the rows are.
#[derive(Debug)]
pub enum Place {
    /// In a file.
    Sqlite(SqliteFile),
    /// On a server.
    Postgres(Box<Database>),
}

impl Place {
    /// The address for the program.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => file.url(),
            Self::Postgres(database) => database.url(),
        }
    }

    /// Runs SQL as another program would; the rows as lines with fields parted by `|`.
    pub fn sql(&self, text: &str) -> String {
        match self {
            Self::Postgres(database) => database.psql(&[text]).expect("psql runs the text"),
            Self::Sqlite(file) => {
                let db = rusqlite::Connection::open(file.path()).unwrap();
                db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                let mut statement = db.prepare(text).unwrap();
                let columns = statement.column_count();
                let rows = statement.query_map((), |row| {
                    let field = |i| row.get::<_, rusqlite::types::Value>(i).map(|v| shown(&v));
                    let fields: Result<Vec<_>, _> = (0..columns).map(field).collect();
                    Ok(fields?.join("|"))
                });
                let rows: Result<Vec<_>, _> = rows.unwrap().collect();
                rows.unwrap().join("\n")
            }
        }
    }

    /// The one number that `text` asks for.
    pub fn number(&self, text: &str) -> i64 {
        let found = self.sql(text);
        found
            .parse()
            .unwrap_or_else(|e| panic!("{e}: {found:?} from {text}"))
    }

    /// Whether they are on a server.
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

fn shown(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Null => String::new(),
        Value::Integer(n) => n.to_string(),
        Value::Real(x) => x.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(_) => "blob".to_owned(),
    }
}
