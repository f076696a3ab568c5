//! A node in a process of its own, so that it can be killed: this test binary, run once more.

use std::net::SocketAddr;
use std::process::Stdio;

use brisk::prelude::Clock;
use brisk_testkit::files::{Folder, SqliteFile};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use brisk_testkit::services::Client;
use brisk_testkit::services::{PATIENCE, eventually};

/// The database of the node, and the file where it says its address.
const URL: &str = "BRISK_TEST_NODE_URL";
const ADDRESS_FILE: &str = "BRISK_TEST_NODE_ADDRESS_FILE";

/// A node that ends with this value, and with this process.
pub(crate) struct NodeProcess {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: Folder,
}

impl NodeProcess {
    pub(crate) async fn start(url: &str) -> Self {
        let folder = Folder::new().unwrap();
        let file = folder.path().join("address");
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "node::a_node_in_a_process_of_its_own_ends_with_its_input",
            ])
            .env(URL, url)
            .env(ADDRESS_FILE, &file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = eventually("the node listens", PATIENCE, async || {
            tokio::fs::read_to_string(&file).await.ok()?.parse().ok()
        })
        .await;
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// Ends it without warning, as SIGKILL does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The other end: serves until its input ends, which it does with the process that started it, however that ends.
async fn serve(url: &str, file: &str) {
    let running = crate::world::start(url, &Clock::system()).await;
    let unfinished = format!("{file}.new");
    tokio::fs::write(&unfinished, running.address().to_string())
        .await
        .unwrap();
    tokio::fs::rename(&unfinished, file).await.unwrap();
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_a_process_of_its_own_ends_with_its_input() {
    if let (Ok(url), Ok(file)) = (std::env::var(URL), std::env::var(ADDRESS_FILE)) {
        return serve(&url, &file).await;
    }
    let file = SqliteFile::new().unwrap();
    let mut node = NodeProcess::start(&file.url()).await;
    let live = Client::new(node.address).get("/health/live").await;
    assert_eq!(live.status, 200);
    drop(node.child.stdin.take());
    let ended = tokio::time::timeout(PATIENCE, node.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}
