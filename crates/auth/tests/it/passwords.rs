use std::time::{Duration, Instant};

use brisk_auth::{Error, HashConfig, Passwords, Pepper, Verdict};
use brisk_core::{Class, Failure as _};

const RIGHT: Verdict = Verdict {
    ok: true,
    needs_rehash: false,
};
const OLD: Verdict = Verdict {
    ok: true,
    needs_rehash: true,
};
const WRONG: Verdict = Verdict {
    ok: false,
    needs_rehash: false,
};

/// Far too cheap for anything but tests.
fn cheap() -> HashConfig {
    HashConfig {
        m_kib: 64,
        t: 1,
        ..HashConfig::default()
    }
}

#[tokio::test]
async fn a_hash_fits_its_password_only() {
    let passwords = Passwords::new(&HashConfig::default(), None).unwrap();
    let hash = passwords.hash("plum gravel teapot").await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    let again = passwords.hash("plum gravel teapot").await.unwrap();
    assert_ne!(hash, again, "each has a salt of its own");
    let verify = async |given| passwords.verify(Some(&hash), given).await.unwrap();
    assert_eq!(verify("plum gravel teapot").await, RIGHT);
    for given in ["plum gravel teapo", "plum gravel teapot ", "", "\0"] {
        assert_eq!(verify(given).await, WRONG, "{given:?}");
    }
    let nobody = passwords.verify(None, "plum gravel teapot").await.unwrap();
    assert_eq!(nobody, WRONG);
}

#[tokio::test]
async fn the_same_characters_are_the_same_password() {
    let passwords = Passwords::new(&cheap(), None).unwrap();
    let hash = passwords.hash("caf\u{e9} gravel teapot").await.unwrap();
    let other = passwords.verify(Some(&hash), "cafe\u{301} gravel teapot");
    assert_eq!(other.await.unwrap(), RIGHT);
    // Nothing is cut: the last of many characters counts.
    let long = "x".repeat(5_000);
    let hash = passwords.hash(&long).await.unwrap();
    let cut = passwords.verify(Some(&hash), &long[1..]).await.unwrap();
    assert_eq!(cut, WRONG);
}

#[tokio::test]
async fn older_and_foreign_hashes_are_right_and_replaced() {
    let now = Passwords::new(
        &HashConfig {
            m_kib: 128,
            t: 2,
            ..cheap()
        },
        None,
    )
    .unwrap();
    let then = Passwords::new(&cheap(), None).unwrap();
    let old = then.hash("plum gravel").await.unwrap();
    assert_eq!(now.verify(Some(&old), "plum gravel").await.unwrap(), OLD);
    assert_eq!(now.verify(Some(&old), "plum").await.unwrap(), WRONG);
    let new = now.hash("plum gravel").await.unwrap();
    let verdict = then.verify(Some(&new), "plum gravel").await.unwrap();
    assert_eq!(verdict, RIGHT, "nothing is made weaker");
    for kind in ["2a", "2b", "2y"] {
        let made = bcrypt::hash("plum gravel", 4).unwrap();
        let hash = format!("${kind}{}", &made[3..]);
        assert_eq!(now.verify(Some(&hash), "plum gravel").await.unwrap(), OLD);
        assert_eq!(now.verify(Some(&hash), "plum").await.unwrap(), WRONG);
    }
}

#[tokio::test]
async fn what_cannot_be_read_fits_nothing() {
    let passwords = Passwords::new(&cheap(), None).unwrap();
    let good = passwords.hash("x").await.unwrap();
    for stored in [
        "",
        "x",
        "!",
        "$2b$",
        "$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        &good[..good.len() - 44],
    ] {
        let verdict = passwords.verify(Some(stored), "x").await.unwrap();
        assert_eq!(verdict, WRONG, "{stored}");
    }
}

#[tokio::test]
async fn a_pepper_is_needed_and_named() {
    let pepper = |id: &str, byte| Some(Pepper::new(id, [byte; 32]).unwrap());
    let plain = Passwords::new(&cheap(), None).unwrap();
    let hot = Passwords::new(&cheap(), pepper("p1", 1)).unwrap();
    let hash = hot.hash("plum").await.unwrap();
    assert!(hash.contains("keyid="), "{hash}");
    assert_eq!(hot.verify(Some(&hash), "plum").await.unwrap(), RIGHT);
    assert_eq!(plain.verify(Some(&hash), "plum").await.unwrap(), WRONG);
    for other in [pepper("p1", 2), pepper("p2", 1)] {
        let other = Passwords::new(&cheap(), other).unwrap();
        assert_eq!(other.verify(Some(&hash), "plum").await.unwrap(), WRONG);
    }
    let mild = plain.hash("plum").await.unwrap();
    assert_eq!(hot.verify(Some(&mild), "plum").await.unwrap(), OLD);
    assert!(Pepper::new("", [0; 32]).is_err());
    assert!(Pepper::new("nine byte", [0; 32]).is_err());
    assert!(!format!("{hot:?}").contains("[1, 1"));
}

#[tokio::test]
async fn past_the_queue_and_past_the_wait_the_answer_is_busy() {
    let config = HashConfig {
        permits: 1,
        queue: 2,
        wait: Duration::from_millis(100),
        m_kib: 64 * 1024,
        t: 8,
        p: 1,
    };
    let passwords = Passwords::new(&config, None).unwrap();
    let began = Instant::now();
    let crowd = (0..8).map(|_| passwords.hash("plum"));
    let answers = futures::future::join_all(crowd).await;
    let busy: Vec<_> = answers.iter().filter_map(|a| a.as_ref().err()).collect();
    assert!(
        busy.len() >= 5,
        "{} of 8 after {:?}",
        busy.len(),
        began.elapsed()
    );
    for error in busy {
        assert!(matches!(error, Error::Busy));
        assert_eq!((error.class(), error.code()), (Class::Unavailable, "busy"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }
    assert!(
        passwords.verify(None, "plum").await.is_ok(),
        "and then it goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hashing_leaves_the_async_threads_alone() {
    let passwords = Passwords::new(&HashConfig::default(), None).unwrap();
    let hashing = tokio::spawn(async move {
        for _ in 0..5 {
            passwords.verify(None, "plum").await.unwrap();
        }
    });
    let mut ticks = 0;
    while !hashing.is_finished() {
        tokio::time::sleep(Duration::from_millis(2)).await;
        ticks += 1;
    }
    hashing.await.unwrap();
    assert!(ticks > 5, "{ticks}");
}

/// Medians of 200 alternating attempts, with an account and without one, must not tell the two apart.
#[tokio::test]
async fn an_unknown_account_takes_as_long_as_a_wrong_password() {
    let config = HashConfig {
        m_kib: 1_024,
        t: 1,
        ..HashConfig::default()
    };
    let passwords = Passwords::new(&config, None).unwrap();
    let hash = passwords.hash("plum gravel teapot").await.unwrap();
    let attempt = async |stored| {
        let began = Instant::now();
        let verdict = passwords.verify(stored, "wrong").await.unwrap();
        assert_eq!(verdict, WRONG);
        began.elapsed()
    };
    let mut differences = Vec::new();
    // A machine with other work may disturb a series; not all of them in the same direction.
    for _ in 0..5 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            known.push(attempt(Some(hash.as_str())).await);
            unknown.push(attempt(None).await);
        }
        known.sort();
        unknown.sort();
        let difference = unknown[50].as_secs_f64() / known[50].as_secs_f64() - 1.0;
        if difference.abs() < 0.05 {
            return;
        }
        differences.push(difference);
    }
    panic!("{differences:?}");
}
