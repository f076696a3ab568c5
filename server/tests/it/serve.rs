use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Server, out, run};

const BROWSER: &str = "accept: text/html\r\n";

#[test]
fn the_first_start_makes_its_files_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let key = folder.path().join("brisk.key").metadata().unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert!(folder.path().join("brisk.db").exists());
    let (status, page) = server.get("/", BROWSER);
    assert_eq!(status, 200);
    for part in ["Open issues", "Newest issues", "statements</strong>"] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert_eq!(server.get("/health/ready", "").0, 200);
    let (status, page) = server.get("/nowhere", BROWSER);
    assert_eq!(
        (status, page.contains("There is no page here")),
        (404, true)
    );
    let (status, problem) = server.get("/nowhere", "");
    assert_eq!(
        (status, problem.contains("application/problem+json")),
        (404, true)
    );
    let (code, greeting) = server.terminate();
    assert_eq!(code, Some(0));
    for part in [
        "/docs",
        "brisk key create --role platform_admin",
        "brisk.key",
    ] {
        assert!(greeting.contains(part), "{part} is missing in {greeting}");
    }
    let again = Server::start(folder.path(), &[]);
    let (code, greeting) = again.terminate();
    // Nobody has set it up yet; all else was said at the first start.
    assert_eq!((code, greeting.contains("/setup?token=")), (Some(0), true));
    assert!(!greeting.contains("brisk.key"), "{greeting}");
}

#[test]
fn commands_work_beside_a_running_server_on_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--no-demo"]);
    assert!(server.get("/", BROWSER).1.contains("Nothing to show yet"));
    let place = [
        "--slug",
        "springfield",
        "--name",
        "Springfield",
        "--kind",
        "city",
    ];
    let id = out(folder.path(), &[&["tenant", "create"][..], &place].concat());
    assert!(id.parse::<i64>().is_ok_and(|id| id > 0), "{id}");
    let list = out(folder.path(), &["tenant", "list"]);
    assert!(
        list.contains("springfield") && list.contains("Springfield"),
        "{list}"
    );
    for named in ["springfield", &id] {
        let made = out(
            folder.path(),
            &["key", "create", "--role", "auditor", "--tenant", named],
        );
        let key = made.lines().last().unwrap();
        let header = format!("x-api-key: {key}\r\n");
        assert_eq!(server.get("/performance/stats", &header).0, 200, "{made}");
    }
    assert_eq!(
        server
            .get("/performance/stats", "x-api-key: brisk_wrong\r\n")
            .0,
        401
    );
    let made = out(
        folder.path(),
        &["key", "create", "--role", "platform_admin", "--json"],
    );
    assert!(made.starts_with('{') && made.lines().count() == 1, "{made}");
    let twice = run(folder.path(), &[&["tenant", "create"][..], &place].concat());
    assert_eq!(twice.status.code(), Some(1));
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with(r#"{"status":"healthy"}"#), "{rest}");
}
