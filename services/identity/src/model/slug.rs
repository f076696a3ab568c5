//! A tenant's name in addresses, made from its name for people.

/// The longest slug that is made, so that a suffix has room.
const LONGEST: usize = 48;

/// Lower-case letters, digits and inner hyphens of a name; `workspace` where nothing of it is left.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= LONGEST {
            break;
        }
    }
    let slug = slug.trim_matches('-');
    // A number in its place is always an id.
    if slug.is_empty() || slug.bytes().all(|b| b.is_ascii_digit()) {
        return "workspace".to_owned();
    }
    slug.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, expected) in [
            ("Acme, Inc.", "acme-inc"),
            ("  The -- Shop ", "the-shop"),
            ("2026", "workspace"),
            ("日本", "workspace"),
            ("Ünit 7", "nit-7"),
        ] {
            assert_eq!(slug(name), expected, "{name}");
        }
        assert!(slug(&"x".repeat(300)).len() <= LONGEST);
    }
}
