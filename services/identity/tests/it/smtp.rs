//! Mails by way of a mail server that is busy, silent, unwilling, or away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_testkit::services::{PATIENCE, eventually};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::mail::Mail;
use crate::on_both;
use crate::world::{TestApp, owner};

/// How the server takes one connection.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Fine,
    /// Says 451 to the sender.
    Busy,
    /// Says 550 to the recipient.
    Unwilling,
    /// Says nothing after its greeting.
    Silent,
}

/// A mail server with one mood for each connection, and fine ever after.
struct Server {
    url: String,
    got: Arc<Mutex<Vec<Mail>>>,
    left: Arc<Mutex<VecDeque<Mood>>>,
}

impl Server {
    async fn start(moods: &[Mood]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self {
            url: format!("smtp://{address}"),
            got: Arc::default(),
            left: Arc::new(Mutex::new(moods.iter().copied().collect())),
        };
        let (got, left) = (Arc::clone(&server.got), Arc::clone(&server.left));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mood = left.lock().unwrap().pop_front().unwrap_or(Mood::Fine);
                tokio::spawn(talk(stream, mood, Arc::clone(&got)));
            }
        });
        server
    }

    fn got(&self) -> Vec<Mail> {
        self.got.lock().unwrap().clone()
    }

    /// An app that hands its mails to this server.
    async fn app(&self, app: TestApp) -> TestApp {
        let waits = ("identity.mailer_timeout", "500ms");
        app.with(&[("identity.mailer_url", &self.url), waits]).await
    }
}

/// One connection, until the client leaves.
async fn talk(stream: TcpStream, mood: Mood, got: Arc<Mutex<Vec<Mail>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default();
        let answer = match (verb, mood) {
            (_, Mood::Silent) => continue,
            ("MAIL", Mood::Busy) => "451 4.7.1 please wait, owner@acme.example",
            ("RCPT", Mood::Unwilling) => "550 5.1.1 no owner@acme.example here",
            ("DATA", _) => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut text).await?;
                }
                let mail = Mail::parse("smtp", text.trim_end_matches(".\r\n"));
                got.lock().unwrap().push(mail);
                "250 it is ours"
            }
            ("QUIT", _) => "221 bye",
            _ => "250 fine",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// Until no mail waits any more, as time goes by. It stands still while one is on its way: a lease is over after a minute.
async fn settled(app: &TestApp) {
    let count = |what: &str| {
        let jobs =
            "SELECT count(*) FROM brisk_jobs WHERE kind = 'identity.mail' AND state = 'ready'";
        app.place.number(&format!("{jobs} {what}"))
    };
    eventually("no mail waits", PATIENCE, async || {
        if count("AND lease_until IS NOT NULL") == 0 {
            app.clock.advance(Duration::from_secs(20));
        }
        (count("") == 0).then_some(())
    })
    .await;
}

async fn mails_go_by_the_mail_server_when_it_is_ready(app: TestApp) {
    let server = Server::start(&[Mood::Busy, Mood::Silent, Mood::Busy]).await;
    let app = server.app(app).await;
    app.tenant("acme").await;
    settled(&app).await;
    let got = server.got();
    assert_eq!(got.len(), 1, "{got:#?}");
    assert_eq!(got[0].field("To"), owner("acme"));
    // What was tried before is void, what has arrived counts.
    let body = serde_json::json!({ "token": got[0].token() });
    let done = app.public().post("/auth/email/verify", &body).await;
    assert_eq!(done.status, 204, "{done:?}");
    app.stop().await;
}

async fn what_the_mail_server_never_takes_is_given_up(app: TestApp) {
    let server = Server::start(&[Mood::Unwilling]).await;
    let app = server.app(app).await;
    app.tenant("acme").await;
    app.mails_are_done().await;
    let dead = "FROM brisk_jobs WHERE kind = 'identity.mail' AND state = 'dead'";
    assert_eq!(app.place.number(&format!("SELECT count(*) {dead}")), 1);
    let why = app.place.sql(&format!("SELECT last_error {dead}"));
    assert!(why.contains("the mail server answered 550"), "{why}");
    assert!(!why.contains("acme.example"), "{why}");
    assert_eq!(server.got().len(), 0);
    app.stop().await;
}

async fn after_five_tries_it_is_given_up(app: TestApp) {
    let server = Server::start(&[Mood::Busy; 9]).await;
    let app = server.app(app).await;
    app.tenant("acme").await;
    settled(&app).await;
    assert_eq!(server.left.lock().unwrap().len(), 4);
    app.stop().await;
}

async fn a_mail_that_waits_outlives_the_program(app: TestApp) {
    // Nobody listens there.
    let jobs = "SELECT * FROM brisk_jobs WHERE kind = 'identity.mail'";
    let away = ("identity.mailer_url", "smtp://127.0.0.1:9");
    let app = app.with(&[away]).await;
    app.tenant("acme").await;
    let tried = "SELECT coalesce(max(attempts), 0) FROM brisk_jobs WHERE kind = 'identity.mail'";
    eventually("it was tried", PATIENCE, async || {
        (app.place.number(tried) > 0).then_some(())
    })
    .await;
    // Whoever reads the job does not read whom it is about.
    let body = serde_json::json!({ "email": owner("acme") });
    app.public().post("/auth/password/forgot", &body).await;
    assert!(!app.place.sql(jobs).contains("acme"));
    let app = app.with(&[]).await;
    settled(&app).await;
    let mails = app.mails().await;
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.field("To") == owner("acme")));
    app.stop().await;
}

on_both!(
    mails_go_by_the_mail_server_when_it_is_ready,
    what_the_mail_server_never_takes_is_given_up,
    after_five_tries_it_is_given_up,
    a_mail_that_waits_outlives_the_program,
);
