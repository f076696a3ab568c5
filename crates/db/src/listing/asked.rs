//! What a client asks of a list.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brisk_core::FieldError;

use super::PerPage;
use super::filter::{Condition, Filter, Narrowed};
use super::refusal::Refusal;
use crate::paging::Direction;

/// The word by which every list can be sorted.
pub(super) const ID: &str = "id";

/// Which page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// By its number, from 1.
    Page(u64),
    /// Where another page ended; none is the first page.
    Cursor(Option<String>),
}

/// What is asked of a list; equal for whoever asks for the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Which page.
    pub way: Way,
    /// Rows on it.
    pub per_page: u32,
    /// Whether nobody wants to know how many there are.
    pub skip_count: bool,
    /// What the list is narrowed to.
    pub filter: Narrowed,
    pub(super) has_simple_cursors: bool,
    pub(super) sort: Vec<(&'static str, Direction)>,
    relations: Vec<&'static str>,
}

impl Asked {
    /// Whether this is to be loaded along.
    pub fn relation(&self, name: &str) -> bool {
        self.relations.contains(&name)
    }

    /// The number of the page; 1 where pages have none.
    pub const fn number(&self) -> u64 {
        match self.way {
            Way::Page(number) => number,
            Way::Cursor(_) => 1,
        }
    }

    /// Whether to say how many rows there are in all.
    pub const fn wants_count(&self) -> bool {
        !self.skip_count && matches!(self.way, Way::Page(_))
    }

    /// The same for a list that has no numbered pages.
    #[must_use]
    pub fn by_cursor(mut self) -> Self {
        if matches!(self.way, Way::Page(_)) {
            self.way = Way::Cursor(None);
        }
        self
    }

    /// Whether rows come by ascending id, where a number alone can be a cursor.
    pub(super) fn is_by_id(&self) -> bool {
        matches!(self.sort[..], [(ID, Direction::Asc)])
    }

    pub(super) fn rows_before(&self, page: u64) -> u32 {
        let before = (page - 1).saturating_mul(self.per_page.into());
        // Beyond any table: the page is empty all the same.
        u32::try_from(before).unwrap_or(u32::MAX)
    }
}

/// A cursor of the older kind: the decimal id of the last row in base64.
pub(super) fn simple_cursor(text: &str) -> Option<i64> {
    let bytes = STANDARD.decode(text).ok()?;
    let digits = std::str::from_utf8(&bytes).ok()?;
    let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

pub(super) fn make_simple(id: i64) -> String {
    STANDARD.encode(id.to_string())
}

/// Gathers parameters, and what is wrong with them.
#[derive(Default)]
struct Reader {
    wrong: Vec<FieldError>,
    seen: Vec<String>,
}

impl Reader {
    fn wrong(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.wrong
            .push(FieldError::new(field.to_owned(), code, message.into()));
    }

    fn number(&mut self, field: &str, text: &str) -> Option<u64> {
        match text.parse() {
            Ok(0) => self.wrong(field, "out_of_range", "must be 1 or more"),
            Ok(n) => return Some(n),
            Err(_) => self.wrong(field, "wrong_type", "must be a whole number of 1 or more"),
        }
        None
    }

    fn flag(&mut self, field: &str, text: &str) -> bool {
        match text {
            "true" | "1" => return true,
            "false" | "0" => {}
            _ => self.wrong(field, "wrong_type", "must be `true` or `false`"),
        }
        false
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

fn sorted(text: &str, sorts: &[&'static str]) -> Result<Vec<(&'static str, Direction)>, Refusal> {
    let mut all: Vec<(&'static str, Direction)> = Vec::new();
    for word in words(text) {
        let (name, direction) = match word.strip_prefix('-') {
            Some(name) => (name, Direction::Desc),
            None => (word, Direction::Asc),
        };
        let known = sorts.iter().chain(&[ID]).find(|known| **known == name);
        let name = *known.ok_or_else(|| Refusal::Sort(name.to_owned()))?;
        if all.iter().all(|(had, _)| *had != name) {
            all.push((name, direction));
        }
    }
    Ok(all)
}

pub(super) fn read<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
    filters: &[Filter],
    sorts: &[&'static str],
    usual_sort: &str,
    relations: &'static [&'static str],
    per_page: PerPage,
) -> Result<Asked, Refusal> {
    let mut reader = Reader::default();
    let mut conditions: Vec<Condition> = Vec::new();
    let mut wanted = Vec::new();
    let mut sort = Vec::new();
    let (mut page, mut rows, mut cursor) = (1, per_page.usual, None);
    let (mut skip_count, mut has_simple_cursors) = (false, false);
    for (name, value) in parameters {
        if name == "tenant_id" {
            continue;
        }
        if name != "eager_load" {
            if reader.seen.iter().any(|seen| seen == name) {
                reader.wrong(name, "repeated", "must be given once");
                continue;
            }
            reader.seen.push(name.to_owned());
        }
        match name {
            "page" => page = reader.number(name, value).unwrap_or(page),
            "per_page" => {
                let most = u64::from(per_page.most);
                let asked = reader.number(name, value).unwrap_or(1);
                if per_page.is_strict && asked > most {
                    reader.wrong(name, "out_of_range", format!("must be {most} at most"));
                }
                rows = u32::try_from(asked.min(most)).unwrap_or(per_page.most);
            }
            "cursor" => cursor = Some((!value.is_empty()).then(|| value.to_owned())),
            "skip_count" => skip_count = reader.flag(name, value),
            "cursor_format" => match value {
                "simple" => has_simple_cursors = true,
                "signed" => {}
                _ => reader.wrong(name, "wrong_type", "must be `signed` or `simple`"),
            },
            "sort" => sort = sorted(value, sorts)?,
            "eager_load" => {
                for word in words(value) {
                    let known = relations.iter().find(|known| **known == word);
                    let known = *known.ok_or_else(|| Refusal::Relation(word.to_owned()))?;
                    if !wanted.contains(&known) {
                        wanted.push(known);
                    }
                }
            }
            _ => {
                let (field, operator) = match name.split_once("__") {
                    Some((field, operator)) => (field, Some(operator)),
                    None => (name, None),
                };
                let filter = filters.iter().find(|filter| filter.name == field);
                let filter = filter.ok_or_else(|| Refusal::Filter(field.to_owned()))?;
                // What is left empty is left out.
                if !value.is_empty() {
                    match filter.read(name, operator, value) {
                        Ok(condition) => conditions.push(condition),
                        Err(wrong) => reader.wrong.push(wrong),
                    }
                }
            }
        }
    }
    if !reader.wrong.is_empty() {
        return Err(Refusal::Values(reader.wrong));
    }
    if sort.is_empty() {
        sort = sorted(usual_sort, sorts)?;
    }
    wanted.sort_unstable();
    Ok(Asked {
        way: match cursor {
            Some(cursor) => Way::Cursor(cursor),
            None => Way::Page(page),
        },
        per_page: rows,
        skip_count,
        filter: Narrowed::new(conditions),
        has_simple_cursors,
        sort,
        relations: wanted,
    })
}

#[cfg(test)]
mod tests {
    use brisk_core::Failure as _;

    use super::super::filter::Operator::{Contains, Eq, Gte, In, Lte, Prefix};
    use super::*;

    const FILTERS: &[Filter] = &[
        Filter::ints("id", &[Eq, In, Gte, Lte]),
        Filter::texts("name", &[Contains, Eq, Prefix]),
        Filter::words("status", &["active", "archived"], &[Eq, In]),
        Filter::instants("since", &[Gte]).on("at"),
    ];

    fn ask(query: &str) -> Result<Asked, Refusal> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let relations = &["books", "reviews"];
        read(pairs, FILTERS, &["name"], "id", relations, PerPage::USUAL)
    }

    #[test]
    fn a_page_is_asked_for_by_number_or_by_cursor_and_the_cursor_wins() {
        let first = ask("").unwrap();
        assert_eq!((first.way.clone(), first.per_page), (Way::Page(1), 20));
        assert!(first.wants_count() && first.is_by_id());
        let third = ask("page=3&per_page=5000&tenant_id=9").unwrap();
        assert_eq!((third.per_page, third.rows_before(3)), (1_000, 2_000));
        assert_eq!(ask("page=2&cursor=").unwrap().way, Way::Cursor(None));
        let by = ask("cursor=abc&page=2").unwrap();
        assert!(!by.wants_count());
        assert_eq!(
            (by.number(), by.way),
            (1, Way::Cursor(Some("abc".to_owned())))
        );
        let far = ask(&format!("page={}", u64::MAX)).unwrap();
        assert_eq!(far.rows_before(far.number()), u32::MAX);
    }

    #[test]
    fn whoever_asks_for_the_same_asks_for_the_same() {
        let one = ask("status=active&name=ann&eager_load=reviews,books&sort=id").unwrap();
        let other = ask("eager_load=books&name__contains=ann&eager_load=reviews&status=active");
        assert_eq!(one, other.unwrap());
        assert_ne!(
            one.filter,
            ask("name__prefix=ann&status=active").unwrap().filter
        );
        assert!(ask("name=&status=").unwrap().filter.is_empty());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_its_code() {
        for (query, code) in [
            ("page=0", "list.invalid_data"),
            ("per_page=0", "list.invalid_data"),
            ("page=-1", "list.invalid_data"),
            ("page=1&page=2", "list.invalid_data"),
            ("skip_count=maybe", "list.invalid_data"),
            ("id=x", "list.invalid_data"),
            ("id__in=1,x", "list.invalid_data"),
            ("name__gte=a", "list.invalid_data"),
            ("status=gone", "list.invalid_data"),
            ("since=yesterday", "list.invalid_data"),
            ("nmae=a", "list.unknown_filter"),
            ("email__eq=a", "list.unknown_filter"),
            ("sort=email", "list.unknown_sort"),
            ("eager_load=cats", "list.unknown_relation"),
        ] {
            assert_eq!(ask(query).map_err(|e| e.code()), Err(code), "{query}");
        }
    }

    #[test]
    fn an_older_cursor_is_a_number_in_base64() {
        assert_eq!(simple_cursor("MjA="), Some(20));
        assert_eq!(make_simple(20), "MjA=");
        for bad in ["", "MjA", "LTE=", "not base64", "KzIw"] {
            assert_eq!(simple_cursor(bad), None, "{bad}");
        }
    }
}
