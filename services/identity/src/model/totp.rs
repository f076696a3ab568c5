//! One-time codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds), and the codes for when it is lost.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Totp};
use uuid::Uuid;

/// Bytes of an app's secret: those of SHA-1, as RFC 4226 recommends.
pub const SECRET: usize = 20;

/// How many recovery codes somebody gets.
pub const RECOVERY_CODES: usize = 10;

/// Random bytes of a recovery code: 16 characters.
const RECOVERY: usize = 10;

/// Who the codes are for, as the app shows it.
const ISSUER: &str = "Brisk";

fn totp(secret: &[u8], account: &str) -> Totp {
    // A colon parts issuer and account in the app's address.
    Builder::new()
        .with_secret(secret)
        .with_account_name(account.replace(':', " "))
        .with_issuer(Some(ISSUER))
        .build_noncompliant()
}

/// What somebody types into the app that cannot read the address.
pub fn typed(secret: &[u8; SECRET]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The address that an app reads from a picture: `otpauth://totp/...`.
pub fn address(secret: &[u8; SECRET], account: &str) -> String {
    let url = totp(secret, account).to_url();
    url.expect("an account has a name without a colon")
}

/// The step of 30 seconds that a code is for, one before and one after the present included; none for a wrong code and for
/// one of a step up to `last`, which was used.
pub fn step(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let code = code.trim();
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = u64::try_from(now.as_second()).ok()?;
    let step = totp(secret, "").check(code, seconds)?;
    i64::try_from(step).ok().filter(|step| *step > last)
}

/// A new recovery code, as it is shown: four groups of four characters.
///
/// # Errors
///
/// When the system gives no random bytes.
pub fn recovery_code() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; RECOVERY];
    getrandom::fill(&mut random)?;
    let text = BASE32_NOPAD.encode(&random).to_lowercase();
    let groups: Vec<&str> = (0..4).map(|i| &text[4 * i..4 * i + 4]).collect();
    Ok(groups.join("-"))
}

/// How a recovery code of somebody is stored and looked up, whatever its case and however it is parted; none for what
/// cannot be one.
pub fn recovery_hash(user: Uuid, code: &str) -> Option<[u8; 32]> {
    let parts = |c: &char| !matches!(c, '-' | ' ');
    let plain: String = code.trim().chars().filter(parts).collect();
    let plain = plain.to_ascii_uppercase();
    let bytes = BASE32_NOPAD.decode(plain.as_bytes()).ok()?;
    if bytes.len() != RECOVERY {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(user.as_bytes());
    hash.update(&bytes);
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, for SHA-1: the last six of its eight digits.
        let secret = b"12345678901234567890";
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step(secret, code, at(second), 0), Some(second / 30));
            assert_eq!(step(secret, code, at(second + 30), 0), Some(second / 30));
            assert_eq!(step(secret, code, at(second + 90), 0), None);
            // Each counts once.
            assert_eq!(step(secret, code, at(second), second / 30), None);
        }
        for bad in ["", "28708", "2870821", "28708x", "287 082", "٢٨٧٠٨٢"] {
            assert_eq!(step(secret, bad, at(59), 0), None, "{bad}");
        }
    }

    #[test]
    fn the_address_is_what_apps_read() {
        let secret = b"12345678901234567890";
        assert_eq!(typed(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let address = address(secret, "a:b@c.example");
        let wanted = "otpauth://totp/Brisk:a%20b%40c.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Brisk";
        assert_eq!(address, wanted);
    }

    #[test]
    fn recovery_codes_are_read_as_people_type_them() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let code = recovery_code().unwrap();
        assert_eq!(code.len(), 19);
        let hash = recovery_hash(a, &code);
        assert!(hash.is_some());
        let loud = code.to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(a, &format!(" {loud} ")), hash);
        assert_ne!(recovery_hash(b, &code), hash);
        assert_ne!(recovery_hash(a, &recovery_code().unwrap()), hash);
        for bad in ["", "abcd", "0000-0000-0000-0000", "123456"] {
            assert_eq!(recovery_hash(a, bad), None, "{bad}");
        }
    }
}
