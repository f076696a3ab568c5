//! The program dies while sessions are renewed: nobody loses a session, and no token has two successors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brisk_testkit::servers::Postgres;
use serde_json::{Value, json};

use crate::program::Server;

/// How often it dies.
const DEATHS: u64 = 4;

const PATH: &str = "/identity/auth/refresh";

/// The token that a client holds: the last one that it was given.
fn renewed(answer: &(u16, String)) -> Option<String> {
    let body: Value = serde_json::from_str(&answer.1).ok()?;
    (answer.0 == 200).then(|| body["refresh_token"].as_str().map(str::to_owned))?
}

#[test]
fn a_power_cut_in_the_middle_of_refreshes_loses_no_session_on_sqlite() {
    loses_no_session(&["--no-demo"]);
}

#[test]
fn a_power_cut_in_the_middle_of_refreshes_loses_no_session_on_postgres() {
    let database = Postgres::shared().database().unwrap();
    loses_no_session(&["--no-demo", "--database", &database.url()]);
}

fn loses_no_session(args: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let settings = "master_key = \"0123456789abcdef0123456789abcdef\"\n[identity]\nregister_limit_per_min = 0\nrefresh_limit_per_min = 0\n";
    std::fs::write(folder.path().join("brisk.toml"), settings).unwrap();
    let mut server = Server::start(folder.path(), args);
    let mut tokens: Vec<String> = (0..4)
        .map(|n| {
            let body = json!({
                "email": format!("a{n}@example.org"), "password": "a few words do very well", "full_name": "A",
                "tenant_name": format!("T {n}"),
            });
            let made = server.call("POST", "/identity/auth/register", "", &body);
            assert_eq!(made.0, 201, "{}", made.1);
            let made: Value = serde_json::from_str(&made.1).unwrap();
            made["refresh_token"].as_str().unwrap().to_owned()
        })
        .collect();
    for death in 1..=DEATHS {
        let over = AtomicBool::new(false);
        let address = server.address.clone();
        let turns: usize = std::thread::scope(|scope| {
            let clients: Vec<_> = tokens
                .iter_mut()
                .map(|token| {
                    let (over, address) = (&over, &address);
                    scope.spawn(move || {
                        let mut turns = 0;
                        while !over.load(Ordering::Relaxed) {
                            let body = json!({ "refresh_token": *token });
                            let answer = Server::try_call(address, "POST", PATH, &body);
                            match answer.as_ref().and_then(renewed) {
                                Some(next) => *token = next,
                                // The answer was lost: the token stays what it was.
                                None => break,
                            }
                            turns += 1;
                        }
                        turns
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(150 * death));
            server.kill();
            over.store(true, Ordering::Relaxed);
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .sum()
        });
        assert!(turns > 10, "{turns} refreshes before the end");
        server = Server::start(folder.path(), args);
        for token in &mut tokens {
            let body = json!({ "refresh_token": *token });
            // Used before the end or not, it gives its one successor, as often as it is shown.
            let answers = [(); 2].map(|()| server.call("POST", PATH, "", &body));
            let [first, again] = answers.each_ref().map(renewed);
            assert!(first.is_some(), "{answers:?}");
            assert_eq!(first, again);
            *token = first.unwrap();
        }
    }
    assert_eq!(server.terminate().0, Some(0));
}
