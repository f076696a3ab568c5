//! A node in a process of its own, so that it can be killed: this test binary, run once more.

use std::net::SocketAddr;
use std::process::Stdio;

use brisk::prelude::Clock;
use brisk_testkit::files::Folder;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::wait::{PATIENCE, eventually};

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
            .args(["--exact", "node::serve_for_another_process", "--ignored"])
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "other tests run it as a process of its own"]
async fn serve_for_another_process() {
    let (Ok(url), Ok(file)) = (std::env::var(URL), std::env::var(ADDRESS_FILE)) else {
        return;
    };
    let running = crate::world::start(&url, &Clock::system()).await;
    let unfinished = format!("{file}.new");
    tokio::fs::write(&unfinished, running.address().to_string())
        .await
        .unwrap();
    tokio::fs::rename(&unfinished, &file).await.unwrap();
    // The pipe ends with the process that started us, however that ends.
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await.unwrap();
    running.stop().await.unwrap();
}
