//! The light English stemmer that terms and texts share.

/// The stem of one folded token: what stays of it, and whether a `y` is put in place of a removed `ies`.
pub(crate) fn stem_parts(token: &str) -> (&str, bool) {
    let bytes = token.as_bytes();
    let len = bytes.len();
    if len <= 3 || bytes.iter().all(u8::is_ascii_digit) {
        return (token, false);
    }
    let mut y = false;
    let mut rest = token;
    match bytes[len - 1] {
        b's' if len >= 5 && bytes.ends_with(b"ies") => {
            rest = &token[..len - 3];
            y = true;
        }
        b's' if len >= 5 && (bytes.ends_with(b"sses") || ends_in_sibilant_es(bytes)) => {
            rest = &token[..len - 2];
        }
        b's' if !bytes.ends_with(b"ss") => rest = &token[..len - 1],
        b'g' if len >= 6 && bytes.ends_with(b"ing") => rest = halved(&token[..len - 3]),
        b'd' if len >= 5 && bytes.ends_with(b"ed") => rest = halved(&token[..len - 2]),
        _ => {}
    }
    if !y && rest.len() > 4 && rest.ends_with('e') {
        rest = &rest[..rest.len() - 1];
    }
    (rest, y)
}

fn ends_in_sibilant_es(bytes: &[u8]) -> bool {
    [b"ses".as_slice(), b"xes", b"zes", b"ches", b"shes"]
        .iter()
        .any(|ending| bytes.ends_with(ending))
}

fn halved(rest: &str) -> &str {
    let bytes = rest.as_bytes();
    let len = bytes.len();
    let doubled = len > 3
        && bytes[len - 1] == bytes[len - 2]
        && bytes[len - 1].is_ascii_alphabetic()
        && !matches!(bytes[len - 1], b'l' | b's' | b'z');
    if doubled { &rest[..len - 1] } else { rest }
}

/// The stem of one folded token (`a-z0-9`).
///
/// A token of digits only, or of at most three letters, is its own stem. Otherwise the first of these endings whose
/// least word length holds is removed: `ies` (5, becomes `y`), `sses` (5, becomes `ss`), `ing` (6), `ed` (5), `es`
/// after `s`, `x`, `z`, `ch`, `sh` (5), `s` but not `ss` (4). After `ing` and `ed` a doubled last letter other than
/// l, s, z is halved when more than three letters are left. A stem of more than four letters loses a final `e`.
/// Source: the civic specification's own rule set, a small relative of Porter's ("An algorithm for suffix stripping",
/// 1980).
///
/// A text of several words, or one that is not folded, is treated as if it were one token.
pub fn stem(token: &str) -> String {
    let (rest, y) = stem_parts(token);
    let mut stem = String::with_capacity(rest.len() + 1);
    stem.push_str(rest);
    if y {
        stem.push('y');
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_fall_in_the_written_order() {
        for (token, expected) in [
            ("bus", "bus"),
            ("1000s", "1000"),
            ("2024", "2024"),
            ("injuries", "injury"),
            ("dies", "die"),
            ("flies", "fly"),
            ("glasses", "glass"),
            ("glass", "glass"),
            ("boxes", "box"),
            ("dishes", "dish"),
            ("benches", "bench"),
            ("houses", "hous"),
            ("house", "hous"),
            ("rats", "rat"),
            ("barking", "bark"),
            ("ring", "ring"),
            ("mopped", "mop"),
            ("running", "run"),
            ("adding", "add"),
            ("falling", "fall"),
            ("buzzing", "buzz"),
            ("crossed", "cross"),
            ("trapped", "trap"),
            ("used", "used"),
            ("dumped", "dump"),
            ("needles", "needl"),
            ("needle", "needl"),
            ("garbage", "garbag"),
            ("agreeing", "agre"),
            ("fire", "fire"),
            ("pipe", "pipe"),
            ("leaking", "leak"),
            ("heating", "heat"),
        ] {
            assert_eq!(stem(token), expected, "{token}");
        }
    }
}
