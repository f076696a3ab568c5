//! Which passwords are taken.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Context words shorter than this may stand in a password: nobody can avoid `al`.
const SHORTEST_WORD: usize = 4;

/// What is asked of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// The fewest characters: Unicode scalar values after NFC.
    pub shortest: usize,
    /// The most.
    pub longest: usize,
    /// Four classes of characters, for tenants that must ask for them. NIST SP 800-63B-4 and ASVS 5.0 forbid that.
    pub legacy_complexity: bool,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            shortest: 12,
            longest: 128,
            legacy_complexity: false,
        }
    }
}

/// What is wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// Too few characters.
    TooShort,
    /// Too many.
    TooLong,
    /// Among the first that anybody would try.
    Common,
    /// Contains a name that belongs to the account.
    ContainsContext,
    /// Lacks a class of characters, where that is asked for.
    TooUniform,
}

impl Weakness {
    /// The stable word of it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
            Self::ContainsContext => "contains_context",
            Self::TooUniform => "too_uniform",
        }
    }

    /// What to mend, as a sentence fragment.
    pub const fn message(self) -> &'static str {
        match self {
            Self::TooShort => "is too short",
            Self::TooLong => "is too long",
            Self::Common => "is easily guessed",
            Self::ContainsContext => "must not contain your name, your mail address or our name",
            Self::TooUniform => "must have lower-case and upper-case letters, digits and others",
        }
    }
}

/// Everything that is wrong with a password; nothing for a good one. Up to some milliseconds of work.
///
/// `context` are words that belong to the account: mail address, names, the tenant's name. Of a mail address the part
/// before the @ counts.
pub fn policy(password: &str, context: &[&str], rules: &PasswordRules) -> Vec<Weakness> {
    let mut found = Vec::new();
    let mut normal = Zeroizing::new(String::with_capacity(2 * password.len()));
    normal.extend(password.nfc());
    let length = normal.chars().count();
    if length < rules.shortest {
        found.push(Weakness::TooShort);
    }
    if length > rules.longest {
        // No more work for what may be a whole body.
        found.push(Weakness::TooLong);
        return found;
    }
    let words = words(context);
    let lower = Zeroizing::new(normal.to_lowercase());
    if words
        .iter()
        .any(|word| word.chars().count() >= SHORTEST_WORD && lower.contains(word.as_str()))
    {
        found.push(Weakness::ContainsContext);
    }
    let inputs: Vec<&str> = words.iter().map(String::as_str).collect();
    if zxcvbn::zxcvbn(&normal, &inputs).score() < zxcvbn::Score::Three {
        found.push(Weakness::Common);
    }
    if rules.legacy_complexity {
        let has = |class: fn(char) -> bool| normal.chars().any(class);
        let all = has(char::is_lowercase)
            && has(char::is_uppercase)
            && has(char::is_numeric)
            && has(|c| !c.is_alphanumeric());
        if !all {
            found.push(Weakness::TooUniform);
        }
    }
    found
}

/// The words of the context in lower case, whole and in parts, and our own name.
fn words(context: &[&str]) -> Vec<String> {
    let mut words = vec!["brisk".to_owned()];
    for text in context {
        let text = text.split('@').next().unwrap_or_default();
        let text: String = text.nfc().collect::<String>().to_lowercase();
        words.extend(
            text.split(|c: char| !c.is_alphanumeric())
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
        words.push(text);
    }
    words.retain(|word| !word.is_empty());
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(password: &str) -> Vec<Weakness> {
        let context = ["jo.hansson@example.org", "Jo Hansson", "Springfield"];
        policy(password, &context, &PasswordRules::default())
    }

    #[test]
    fn long_and_odd_is_good_and_nothing_else_is_asked() {
        for good in [
            "plum gravel teapot xylem",
            "öäü ßtrange Wörter im Satz",
            "aaaq8 vv lx 0 kk",
        ] {
            assert_eq!(judge(good), [], "{good}");
        }
    }

    #[test]
    fn each_weakness_is_named() {
        assert_eq!(judge("qz7!Lw93%k"), [Weakness::TooShort]);
        assert_eq!(judge(&"x".repeat(129)), [Weakness::TooLong]);
        assert_eq!(judge("passwordpassword"), [Weakness::Common]);
        assert_eq!(judge("123456789012"), [Weakness::Common]);
        for context in [
            "HANSSON-plum-gravel-9",
            "plum gravel springfield",
            "plum gravel brisk teapot",
        ] {
            assert!(
                judge(context).contains(&Weakness::ContainsContext),
                "{context}"
            );
        }
        let both = judge("hansson");
        assert_eq!(
            both,
            [
                Weakness::TooShort,
                Weakness::ContainsContext,
                Weakness::Common
            ]
        );
    }

    #[test]
    fn length_is_counted_in_characters_after_composition() {
        // 12 letters of two scalars each, which compose.
        let decomposed = "e\u{301}u\u{308}o\u{300}a\u{302}n\u{303}i\u{308}".repeat(2);
        assert_eq!(decomposed.chars().count(), 24);
        assert!(!judge(&decomposed).contains(&Weakness::TooShort));
        let eleven: String = decomposed.chars().take(22).collect();
        assert!(judge(&eleven).contains(&Weakness::TooShort));
        assert!(!judge(&"plüm gravel ".repeat(10)).contains(&Weakness::TooLong));
    }

    #[test]
    fn classes_of_characters_count_only_where_a_tenant_must() {
        let rules = PasswordRules {
            legacy_complexity: true,
            ..PasswordRules::default()
        };
        let plain = "plum gravel teapot xylem";
        assert_eq!(policy(plain, &[], &rules), [Weakness::TooUniform]);
        assert_eq!(policy("Plum gravel 7 teapot", &[], &rules), []);
    }
}
