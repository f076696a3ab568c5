//! What mails say, as text and as simple HTML.
//!
//! Words of people stand in them: names, and names of workspaces. In HTML the templates escape them; in heads they have no line
//! breaks; and what looks like an address of the web is left out ([`shown`]), so that nobody has us mail an invitation to a
//! page of theirs.

use askama::Template;

/// The longest name that is shown, in characters.
const LONGEST: usize = 80;

/// A link and what it is for.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) url: String,
}

/// A mail's words.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    /// Whom it greets.
    pub(crate) name: Option<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) links: Vec<Link>,
    /// The last line.
    pub(crate) closing: String,
}

#[derive(Template)]
#[template(path = "letter.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

impl Letter {
    /// As plain text, and as HTML.
    ///
    /// # Errors
    ///
    /// None that is known of; a template that cannot be filled.
    pub(super) fn render(&self) -> Result<(String, String), askama::Error> {
        let text = Text { letter: self }.render()?;
        let html = Html { letter: self }.render()?;
        Ok((text, html))
    }
}

/// A name that people have chosen, as it may stand in a mail: one line of at most 80 characters, none where it could pass for
/// a link.
pub(crate) fn shown(name: &str) -> Option<String> {
    let one_line = name.split(|c: char| c.is_control() || c.is_whitespace());
    let one_line: Vec<_> = one_line.filter(|word| !word.is_empty()).collect();
    let text: String = one_line.join(" ").chars().take(LONGEST).collect();
    let small = text.to_lowercase();
    let is_link = ["://", "www.", "@"].iter().any(|mark| small.contains(mark))
        || small.split(' ').any(looks_like_host);
    (!text.is_empty() && !is_link).then_some(text)
}

/// Whether mail programs would make a link of a word: `example.org/x`, but not `J.R.` or `St.`
fn looks_like_host(word: &str) -> bool {
    let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.trim_end_matches([',', ';', '.', ')', '!']);
    host.rsplit_once('.').is_some_and(|(before, last)| {
        before.chars().count() > 1
            && last.chars().count() > 1
            && last.chars().all(char::is_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_links_are_not() {
        let same = [
            "Ann O'Hara-Šiška",
            "Dr. J.R. Lee, St. Paul",
            "R&D: A/B Labs",
            "7.5 Degrees",
        ];
        for name in same {
            assert_eq!(shown(name).as_deref(), Some(name));
        }
        assert_eq!(shown("Ann\r\nBcc: x").as_deref(), Some("Ann Bcc: x"));
        assert_eq!(
            shown(&"é".repeat(99)).map(|name| name.chars().count()),
            Some(80)
        );
        for bad in [
            "",
            " \n",
            "https://evil.example",
            "Win at WWW.evil",
            "see evil.example/now",
            "a@b.c",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
