//! The style sheet, the one script, and the policies that allow them and nothing else.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The one style sheet, written into each page.
pub(crate) const STYLE: &str = include_str!("../assets/style.css");

/// The one script, on pages that links of mails lead to: it takes the token out of the address, where only the browser sees it.
/// Without it the token can be typed.
pub(crate) const LINK: &str = include_str!("../assets/link.js");

/// No script, no frame, no other host; the style sheet by its hash and the icon from the page itself.
pub(crate) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));

/// The same for a page that [`LINK`] stands in.
pub(crate) static LINK_POLICY: LazyLock<HeaderValue> =
    LazyLock::new(|| policy(&format!("script-src 'sha256-{}'; ", hash(LINK))));

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

fn policy(more: &str) -> HeaderValue {
    let style = hash(STYLE);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; {more}img-src data:; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("a policy is ASCII")
}
