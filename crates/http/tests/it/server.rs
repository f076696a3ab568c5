use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use brisk_http::{EdgeConfig, Server, ServerReport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<ServerReport>,
}

async fn serve(config: EdgeConfig, router: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let shutdown = async { stopped.await.unwrap() };
        Server::new(&config)
            .run(listener, router, shutdown)
            .await
            .unwrap()
    });
    Running {
        address,
        stop,
        task,
    }
}

async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = vec![0; 4096];
    let read = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// `/wait` says that it has begun and answers when it is let go.
fn waiting() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (b, g) = (Arc::clone(&begun), Arc::clone(&go));
    let wait = move || async move {
        b.notify_one();
        g.notified().await;
        "done"
    };
    let router = Router::new()
        .route("/wait", get(wait))
        .route("/", get(|| async { "hello" }));
    (router, begun, go)
}

#[tokio::test]
async fn work_ends_and_idle_connections_are_closed_at_shutdown() {
    let (router, begun, go) = waiting();
    let running = serve(EdgeConfig::default(), router).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut idle, "/").await.ends_with("hello"));
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    let asked = tokio::spawn(async move { ask(&mut busy, "/wait").await });
    begun.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(
        idle.read(&mut [0; 16]).await.unwrap(),
        0,
        "the idle connection is closed"
    );
    assert!(
        TcpStream::connect(running.address).await.is_err(),
        "nothing new is accepted"
    );
    go.notify_one();
    assert!(asked.await.unwrap().ends_with("done"));
    assert_eq!(running.task.await.unwrap(), ServerReport { cut: 0 });
}

#[tokio::test]
async fn what_outlasts_the_grace_time_is_cut() {
    let (router, begun, _never) = waiting();
    let config = EdgeConfig {
        shutdown_grace: Duration::from_millis(50),
        ..EdgeConfig::default()
    };
    let running = serve(config, router).await;
    let mut busy = TcpStream::connect(running.address).await.unwrap();
    let asked = tokio::spawn(async move { ask(&mut busy, "/wait").await });
    begun.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(running.task.await.unwrap(), ServerReport { cut: 1 });
    assert_eq!(asked.await.unwrap(), "");
}

#[tokio::test]
async fn connections_above_the_bound_wait_until_one_leaves() {
    let (router, _, _) = waiting();
    let running = serve(
        EdgeConfig {
            max_connections: 1,
            ..EdgeConfig::default()
        },
        router,
    )
    .await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut first, "/").await.ends_with("hello"));
    let mut second = TcpStream::connect(running.address).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(100), ask(&mut second, "/")).await;
    assert!(waits.is_err(), "the second connection is not served yet");
    drop(first);
    let mut buffer = [0; 512];
    let read = second.read(&mut buffer).await.unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).ends_with("hello"));
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let (router, _, _) = waiting();
    let config = EdgeConfig {
        header_timeout: Duration::from_millis(50),
        ..EdgeConfig::default()
    };
    let running = serve(config, router).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("hello"));
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_its_slot() {
    let (router, _, _) = waiting();
    let config = EdgeConfig {
        header_timeout: Duration::from_millis(50),
        ..EdgeConfig::default()
    };
    let running = serve(config, router).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut idle, "/").await.ends_with("hello"));
    let ended = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 16])).await;
    assert_eq!(ended.expect("the server closes it").unwrap(), 0);
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), silent.read(&mut [0; 16])).await;
    assert_eq!(ended.expect("the server closes it").unwrap(), 0);
}
