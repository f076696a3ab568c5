use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use brisk_testkit::servers::{Durability, Postgres, Redis};

/// Set in the copy of this test that starts a server and is killed.
const VICTIM: &str = "BRISK_TESTKIT_VICTIM";

#[test]
fn a_dropped_server_has_ended_and_its_port_is_free() {
    let postgres = Postgres::start(Durability::Scratch).unwrap();
    let address = place(&postgres.url());
    assert!(TcpStream::connect(address).is_ok());
    drop(postgres);
    assert!(TcpStream::connect(address).is_err());

    let redis = Redis::start().unwrap();
    let address = place(&redis.url());
    assert!(TcpStream::connect(address).is_ok());
    drop(redis);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_for_measurements_flushes_every_commit() {
    let postgres = Postgres::start(Durability::Full).unwrap();
    let settings = postgres
        .database()
        .unwrap()
        .psql(&["SELECT current_setting('fsync') || current_setting('synchronous_commit')"])
        .unwrap();
    assert_eq!(settings, "onon");
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the killed copy reports to the test through its output"
)]
fn kill_minus_nine_leaves_neither_server_nor_folder() {
    if std::env::var_os(VICTIM).is_some() {
        let postgres = Postgres::start(Durability::Scratch).unwrap();
        let redis = Redis::start().unwrap();
        let folder = postgres
            .database()
            .unwrap()
            .psql(&["SHOW data_directory"])
            .unwrap();
        println!("\nvictim {} {} {folder}", postgres.url(), redis.url());
        loop {
            std::thread::park();
        }
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("lifetime::kill_minus_nine_leaves_neither_server_nor_folder")
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let report = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("victim "))
        .unwrap();
    let words: Vec<&str> = report.split(' ').collect();
    let (postgres, redis) = (place(words[1]), place(words[2]));
    let mut connection = TcpStream::connect(postgres).unwrap();
    assert!(TcpStream::connect(redis).is_ok());

    victim.kill().unwrap();
    victim.wait().unwrap();
    // The server's end is what closes this connection.
    drop(std::io::Read::read(&mut connection, &mut [0]));
    let began = std::time::Instant::now();
    while TcpStream::connect(postgres).is_ok()
        || TcpStream::connect(redis).is_ok()
        || Path::new(words[3]).exists()
    {
        assert!(began.elapsed().as_secs() < 30, "still there: {report}");
        std::thread::yield_now();
    }
}

fn place(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}
