//! Books, their authors and ratings out of files in the layout of goodbooks.
//!
//! Rows go in by chunks, each in a transaction of its own: a chunk that is read again adds nothing, so an import that was
//! stopped is simply begun again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use brisk::BoxError;
use brisk_core::Clock;
use brisk_db::{OnConflict, Session};
use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use jiff::civil::Date;
use serde::Serialize;

use crate::error::Error;
use crate::ids::{AuthorId, BookId};
use crate::model::Rules;
use crate::model::book::NewBook;
use crate::store::author::{Authors, NAMED};
use crate::store::book::{Books, NewBookRow};
use crate::store::review::{NewReviewRow, Reviews};

/// Rows of one transaction.
const CHUNK: usize = 1_000;

/// Characters of an author's name.
const LONGEST_NAME: usize = 200;

/// The files of one import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    books: PathBuf,
    ratings: Option<PathBuf>,
}

impl Source {
    /// A file of books, or a folder with one whose name ends in `books.csv` and perhaps one in `ratings.csv`; each may have
    /// gzip and then `.gz` behind its name.
    pub(crate) fn at(path: &Path) -> Result<Self, BoxError> {
        if !path.is_dir() {
            return Ok(Self {
                books: path.to_owned(),
                ratings: None,
            });
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path)? {
            files.push(entry?.path());
        }
        files.sort();
        let ending = |end: &str| {
            let mut found = files.iter().filter(|file| {
                let name = file.to_string_lossy();
                name.trim_end_matches(".gz").ends_with(end)
            });
            found.next().cloned()
        };
        let books = ending("books.csv")
            .ok_or("the folder has no file that ends in books.csv or books.csv.gz")?;
        Ok(Self {
            books,
            ratings: ending("ratings.csv"),
        })
    }
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Imported {
    /// Rows of books that were read.
    pub(crate) read: u64,
    /// Books that were made.
    pub(crate) created: u64,
    /// Authors that were made.
    pub(crate) authors: u64,
    /// Books that were there already, or have the number of another one.
    pub(crate) skipped: u64,
    /// Rows that cannot be books.
    pub(crate) failed: u64,
    /// Ratings of the books that were made.
    pub(crate) reviews: u64,
}

/// A row of the file as a book, once its author has an id.
struct Row {
    /// The number by which ratings name the book.
    number: Option<String>,
    author: String,
    book: NewBook,
}

/// Books that were made, by the number that the files have for them.
type Made = HashMap<String, (AuthorId, BookId)>;

/// Takes what the files have.
///
/// # Errors
///
/// When a file cannot be read or has no such columns, or the database cannot answer; chunks that were written stay.
pub(crate) async fn import(
    session: &Session,
    clock: &Clock,
    source: &Source,
) -> Result<Imported, BoxError> {
    let mut done = Imported::default();
    let mut made = Made::new();
    let mut file = open(&source.books)?;
    let columns = Columns::of(file.headers()?)?;
    let mut rows = file.records();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        for row in rows.by_ref().take(CHUNK) {
            done.read += 1;
            match columns.row(&row?) {
                Some(row) => chunk.push(row),
                None => done.failed += 1,
            }
        }
        if chunk.is_empty() {
            break;
        }
        let one =
            session.transaction(async |session: Session| books(&session, clock, &chunk).await);
        let (authors, new) = one.await?;
        done.authors += authors;
        done.created += new.len() as u64;
        done.skipped += (chunk.len() - new.len()) as u64;
        if source.ratings.is_some() {
            let numbered = new
                .into_iter()
                .filter_map(|(row, ids)| Some((chunk[row].number.clone()?, ids)));
            made.extend(numbered);
        }
    }
    if let Some(path) = &source.ratings {
        done.reviews = ratings(session, clock, path, &made).await?;
    }
    Ok(done)
}

fn open(path: &Path) -> Result<csv::Reader<Box<dyn Read + Send>>, BoxError> {
    let file = File::open(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let is_zipped = path.extension().is_some_and(|end| end == "gz");
    let plain: Box<dyn Read + Send> = if is_zipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    Ok(csv::Reader::from_reader(plain))
}

/// Where the fields of a book are.
struct Columns {
    number: Option<usize>,
    authors: usize,
    title: usize,
    isbn: Option<usize>,
    year: Option<usize>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, BoxError> {
        let at = |name: &str| header.iter().position(|column| column.trim() == name);
        let needed = |name: &str| {
            at(name).ok_or_else(|| format!("the file of books has no column `{name}`"))
        };
        Ok(Self {
            number: at("book_id"),
            authors: needed("authors")?,
            title: needed("title")?,
            isbn: at("isbn"),
            year: at("original_publication_year"),
        })
    }

    /// The book of a row, with the first of its authors; none where it cannot be one.
    fn row(&self, row: &StringRecord) -> Option<Row> {
        let of =
            |column: Option<usize>| Some(row.get(column?)?.trim()).filter(|text| !text.is_empty());
        let author = row.get(self.authors)?.split(',').next()?.trim();
        let mut rules = Rules::default();
        rules.length("authors", author, 1..=LONGEST_NAME);
        let book = NewBook {
            // Known once the authors of the chunk are written.
            author_id: AuthorId(0),
            title: row.get(self.title)?.to_owned(),
            isbn: of(self.isbn).map(str::to_owned),
            published_on: of(self.year).and_then(first_of_year),
        };
        let book = book.tidied(&mut rules);
        rules.finish().ok()?;
        Some(Row {
            number: of(self.number).map(str::to_owned),
            author: author.to_owned(),
            book,
        })
    }
}

/// The first day of a year, which the files write as `2008.0`; none of one before our era.
fn first_of_year(text: &str) -> Option<Date> {
    let year = text.strip_suffix(".0").unwrap_or(text);
    let year: i16 = year.parse().ok().filter(|year| *year > 0)?;
    Date::new(year, 1, 1).ok()
}

/// Writes a chunk: how many authors are new, and the new books by their row.
async fn books(
    session: &Session,
    clock: &Clock,
    chunk: &[Row],
) -> Result<(u64, Vec<(usize, (AuthorId, BookId))>), Error> {
    let now = clock.now();
    let mut seen = HashSet::new();
    let names: Vec<String> = chunk
        .iter()
        .map(|row| row.author.clone())
        .filter(|name| seen.insert(name.clone()))
        .collect();
    let new_authors = Authors(session).insert_named(names.clone(), now).await?;
    let found = session.load_many(&NAMED, names).await?;
    let authors: HashMap<String, AuthorId> = found
        .into_iter()
        .flatten()
        .map(|author| (author.name, author.id))
        .collect();
    let ids: Vec<AuthorId> = authors.values().copied().collect();
    let mut known: HashSet<(AuthorId, String)> = titles(session, &ids).await?.into_keys().collect();
    let mut new = Vec::new();
    let mut rows = Vec::new();
    for (at, row) in chunk.iter().enumerate() {
        let Some(author) = authors.get(&row.author).copied() else {
            continue;
        };
        let key = (author, row.book.title.clone());
        if known.insert(key.clone()) {
            new.push((at, key));
            rows.push(NewBookRow {
                tenant_id: session.tenant(),
                author_id: author,
                title: row.book.title.clone(),
                isbn: row.book.isbn.clone(),
                published_on: row.book.published_on,
                created_at: now,
            });
        }
    }
    Books(session).insert_many(rows, OnConflict::Skip).await?;
    let written = titles(session, &ids).await?;
    let new = new.into_iter();
    let new = new.filter_map(|(at, key)| Some((at, (key.0, *written.get(&key)?))));
    Ok((new_authors.len() as u64, new.collect()))
}

async fn titles(
    session: &Session,
    authors: &[AuthorId],
) -> Result<HashMap<(AuthorId, String), BookId>, Error> {
    let found = Books(session).titles(authors).await?;
    Ok(found
        .into_iter()
        .map(|book| ((book.author_id, book.title), book.id))
        .collect())
}

/// Takes the ratings of the books that were made just now.
async fn ratings(
    session: &Session,
    clock: &Clock,
    path: &Path,
    made: &Made,
) -> Result<u64, BoxError> {
    let mut file = open(path)?;
    let header = file.headers()?.clone();
    let at = |name: &str| {
        let found = header.iter().position(|column| column.trim() == name);
        found.ok_or_else(|| format!("the file of ratings has no column `{name}`"))
    };
    let (user, book, rating) = (at("user_id")?, at("book_id")?, at("rating")?);
    let mut rows = file.records();
    let mut all = 0;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut read = 0;
        for row in rows.by_ref().take(CHUNK) {
            let row = row?;
            read += 1;
            let of = |column: usize| row.get(column).map(str::trim).unwrap_or_default();
            let rating = of(rating).parse().ok().filter(|n| (1..=5).contains(n));
            let user = Some(of(user)).filter(|user| !user.is_empty() && user.len() <= 255);
            if let (Some((author, book)), Some(rating), Some(user)) =
                (made.get(of(book)), rating, user)
            {
                chunk.push(NewReviewRow {
                    tenant_id: session.tenant(),
                    author_id: *author,
                    book_id: Some(*book),
                    reviewer_id: user.to_owned(),
                    rating,
                    body: String::new(),
                    created_at: clock.now(),
                });
            }
        }
        if read == 0 {
            return Ok(all);
        }
        all += Reviews(session).insert_many(chunk).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_book_of_its_first_author() {
        let columns = Columns::of(&StringRecord::from(vec![
            "book_id",
            "isbn",
            "authors",
            "original_publication_year",
            "title",
        ]));
        let columns = columns.unwrap();
        let read = |fields: [&str; 5]| columns.row(&StringRecord::from(fields.to_vec()));
        let row = read(["7", " ", "Ann Other, Bob", "2008.0", " A Title "]).unwrap();
        assert_eq!(
            (row.author.as_str(), row.number.as_deref()),
            ("Ann Other", Some("7"))
        );
        assert_eq!((row.book.title.as_str(), row.book.isbn), ("A Title", None));
        assert_eq!(row.book.published_on, Date::new(2008, 1, 1).ok());
        let old = read(["8", "043902348X", "Homer", "-720.0", "Odyssey"]).unwrap();
        assert_eq!(
            (old.book.isbn.as_deref(), old.book.published_on),
            (Some("043902348X"), None)
        );
        assert!(read(["9", "", "", "", "Nobody's"]).is_none());
        assert!(read(["9", "", "Ann", "", " "]).is_none());
    }

    #[test]
    fn columns_that_are_missing_are_named() {
        let told = Columns::of(&StringRecord::from(vec!["title"]))
            .err()
            .unwrap()
            .to_string();
        assert!(told.contains("`authors`"), "{told}");
    }
}
