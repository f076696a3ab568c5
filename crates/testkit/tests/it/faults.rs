use std::io::ErrorKind;
use std::time::{Duration, Instant};

use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::Postgres;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than anything local takes, short enough to wait for where nothing may come.
const SILENCE: Duration = Duration::from_millis(150);

/// A server that says back what it hears, and a proxy before it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    Proxy::start(address).unwrap()
}

async fn said_back(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).await?;
    Ok(heard)
}

#[tokio::test]
async fn everything_passes_and_an_end_of_sending_passes_too() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut from, mut to) = stream.split();
    let mut heard = Vec::new();
    let (read, written) = tokio::join!(from.read_to_end(&mut heard), async {
        to.write_all(&sent).await?;
        to.shutdown().await
    });
    read.unwrap();
    written.unwrap();
    assert!(heard == sent, "{} of {} bytes", heard.len(), sent.len());
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_the_next_connection_works() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut stream, b"one").await.unwrap(), b"one");
    assert_eq!((proxy.accepted(), proxy.open()), (1, 1));
    proxy.cut().await.unwrap();
    assert_eq!(proxy.open(), 0);
    let error = said_back(&mut stream, b"two").await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut stream, b"two").await.unwrap(), b"two");
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_refusing_proxy_is_a_closed_port_and_opens_again_at_the_same_place() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut old, b"one").await.unwrap(), b"one");
    for _ in 0..3 {
        proxy.set(Mode::Refuse).await.unwrap();
        assert!(said_back(&mut old, b"two").await.is_err());
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Mode::Pass).await.unwrap();
        old = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(said_back(&mut old, b"three").await.unwrap(), b"three");
    }
}

#[tokio::test]
async fn a_stalled_connection_stays_open_and_goes_on_where_it_stopped() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut stream, b"one").await.unwrap(), b"one");
    proxy.set(Mode::Stall).await.unwrap();
    stream.write_all(b"two").await.unwrap();
    let mut heard = [0; 3];
    assert!(
        timeout(SILENCE, stream.read_exact(&mut heard))
            .await
            .is_err()
    );
    proxy.set(Mode::Pass).await.unwrap();
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"two");
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_forgotten_connection_is_silent_until_it_is_cut_and_new_ones_work() {
    let proxy = echo().await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut old, b"one").await.unwrap(), b"one");
    proxy.forget().await.unwrap();
    old.write_all(b"two").await.unwrap();
    let mut heard = [0; 3];
    let silent = timeout(SILENCE, old.read(&mut heard)).await;
    assert!(silent.is_err(), "{silent:?}");
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut new, b"three").await.unwrap(), b"three");
    proxy.cut().await.unwrap();
    assert!(old.read(&mut heard).await.is_err());
}

#[tokio::test]
async fn a_mute_server_hears_and_its_answers_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    proxy.set(Mode::Mute).await.unwrap();
    client.write_all(b"ask").await.unwrap();
    let mut heard = [0; 3];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ask");
    server.write_all(b"yes").await.unwrap();
    let silent = timeout(SILENCE, client.read_exact(&mut heard)).await;
    assert!(silent.is_err(), "{silent:?}");
    proxy.set(Mode::Pass).await.unwrap();
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"yes");
}

#[tokio::test]
async fn a_delay_is_paid_once_per_round_trip_and_not_per_message() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(said_back(&mut stream, b"warm").await.unwrap(), b"warm");
    let delay = Duration::from_millis(40);
    proxy.set(Mode::Delay(delay)).await.unwrap();
    let began = Instant::now();
    let (mut from, mut to) = stream.split();
    let write = async {
        for _ in 0..20 {
            to.write_all(b"x").await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let mut heard = [0; 20];
    let (read, ()) = tokio::join!(from.read_exact(&mut heard), write);
    read.unwrap();
    let took = began.elapsed();
    assert!(took >= delay, "{took:?}");
    assert!(
        took < delay * 10,
        "twenty messages under way together took {took:?}"
    );
}

#[tokio::test]
async fn postgres_behind_a_proxy_is_away_and_comes_back() {
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let ask = async |url: &str| {
        let url = url.to_owned();
        tokio::task::spawn_blocking(move || {
            std::process::Command::new(brisk_testkit::servers::find::psql().unwrap())
                .args(["-X", "-A", "-t", "-d", &url, "-c", "SELECT 6 * 7"])
                .env("PGCONNECT_TIMEOUT", "5")
                .output()
                .unwrap()
        })
        .await
        .unwrap()
    };
    assert_eq!(ask(&url).await.stdout, b"42\n");
    proxy.set(Mode::Refuse).await.unwrap();
    let refused = ask(&url).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("refused"));
    proxy.set(Mode::Pass).await.unwrap();
    assert_eq!(ask(&url).await.stdout, b"42\n");
    assert_eq!(proxy.accepted(), 2);
}
