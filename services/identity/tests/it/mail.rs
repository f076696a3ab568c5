//! What goes by mail: forgotten passwords, proofs of addresses, invitations, other addresses. The mails are read as their
//! readers would, from the folder that they are written to.

use std::path::Path;
use std::time::{Duration, SystemTime};

use brisk_testkit::services::{Call, PATIENCE, eventually};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{PASSWORD, TestApp, owner, text};

const NEW: &str = "another long and windy road";

/// A mail as its reader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) about: String,
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Mail {
    pub(crate) fn parse(about: &str, raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap();
        Self {
            about: about.to_owned(),
            head: head.replace("\r\n ", " "),
            text: part(body, "text/plain"),
            html: part(body, "text/html"),
        }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {}", self.head))
    }

    /// The tokens of its links.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let after = self.text.split("#token=").skip(1);
        let token = |rest: &str| rest.split_whitespace().next().unwrap().to_owned();
        after.map(token).collect()
    }

    pub(crate) fn token(&self) -> String {
        let tokens = self.tokens();
        assert_eq!(tokens.len(), 1, "{}", self.text);
        tokens[0].clone()
    }
}

/// One part of a mail, decoded.
fn part(body: &str, kind: &str) -> String {
    let (_, rest) = body
        .split_once(&format!("Content-Type: {kind}"))
        .unwrap_or_else(|| panic!("{kind} in {body}"));
    let (head, text) = rest.split_once("\r\n\r\n").unwrap();
    let text = text.split("\r\n--").next().unwrap();
    if !head.contains("quoted-printable") {
        assert!(head.contains("7bit"), "{head}");
        return text.to_owned();
    }
    let mut bytes = Vec::new();
    let joined = text.replace("=\r\n", "");
    let mut rest = joined.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'=' {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The mails in a folder, in the order in which they were written.
pub(crate) fn read(folder: &Path) -> Vec<Mail> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut mails: Vec<(SystemTime, Mail)> = Vec::new();
    for file in files.map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let meta = file.metadata().unwrap();
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777,
            0o600
        );
        let about = name.split('-').nth(1).unwrap();
        let raw = std::fs::read_to_string(file.path()).unwrap();
        mails.push((meta.modified().unwrap(), Mail::parse(about, &raw)));
    }
    mails.sort_by_key(|(at, _)| *at);
    mails.into_iter().map(|(_, mail)| mail).collect()
}

impl TestApp {
    /// The newest mail, which is about this.
    async fn mail(&self, about: &str) -> Mail {
        let mails = self.mails().await;
        let newest = mails
            .iter()
            .rfind(|mail| mail.about == about)
            .unwrap_or_else(|| panic!("no mail about {about}"));
        newest.clone()
    }

    /// How many mails there are about this.
    async fn count(&self, about: &str) -> usize {
        let mails = self.mails().await;
        mails.iter().filter(|mail| mail.about == about).count()
    }

    async fn forgot(&self, email: &str, tenant: Option<&str>) {
        let mut body = json!({ "email": email });
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        let asked = self.public().post("/auth/password/forgot", &body).await;
        assert_eq!((asked.status, asked.body.len()), (202, 0), "{asked:?}");
    }

    async fn reset(&self, token: &str, password: &str) -> brisk_testkit::services::Answer {
        let body = json!({ "token": token, "new_password": password });
        self.public().post("/auth/password/reset", &body).await
    }

    async fn verify(&self, token: &str) -> brisk_testkit::services::Answer {
        let body = json!({ "token": token });
        self.public().post("/auth/email/verify", &body).await
    }

    async fn accept(
        &self,
        token: &str,
        name: &str,
        password: &str,
    ) -> brisk_testkit::services::Answer {
        let body = json!({ "token": token, "password": password, "full_name": name });
        self.public().post("/auth/invitations/accept", &body).await
    }
}

fn is_void(answer: &brisk_testkit::services::Answer) {
    let body = answer.assert_refused(400, "bad-request");
    assert_eq!(body["detail"], "the token is invalid or expired");
}

async fn a_forgotten_password_is_set_anew(app: TestApp) {
    let olga = app.tenant("acme").await;
    app.forgot(&owner("acme").to_uppercase(), Some("acme"))
        .await;
    let mail = app.mail("password_reset").await;
    assert_eq!(mail.field("To"), owner("acme"));
    assert_eq!(mail.field("Auto-Submitted"), "auto-generated");
    assert!(mail.text.starts_with("Hello Olga Owner,"), "{}", mail.text);
    let token = mail.token();
    let link = format!("http://localhost:8080/reset#token={token}");
    assert!(
        mail.text.contains(&link) && mail.html.contains(&link),
        "{mail:?}"
    );
    // What is wrong with the password leaves the token as it is.
    let weak = app.reset(&token, "short").await;
    weak.assert_refused(422, "weak-password");
    // Of many at once one succeeds.
    let tries = join_all((0..4).map(|_| app.reset(&token, NEW))).await;
    let (done, void): (Vec<_>, Vec<_>) = tries.iter().partition(|tried| tried.status == 204);
    assert_eq!(done.len(), 1, "{tries:?}");
    assert!(done[0].statements() <= 10, "{}", done[0].statements());
    void.into_iter().for_each(is_void);
    let gone = olga.client.get("/users/me").await;
    gone.assert_refused(401, "invalid-token");
    app.refresh(&olga.refresh)
        .await
        .assert_refused(401, "invalid-refresh-token");
    is_void(&app.reset(&token, NEW).await);
    let old = app.login(&owner("acme"), PASSWORD, Some("acme")).await;
    old.assert_refused(401, "invalid-credentials");
    let granted = app
        .login(&owner("acme"), NEW, Some("acme"))
        .await
        .assert_status(200);
    let again = app.public().bearer(text(&granted["access_token"]));
    let me = again.get("/users/me").await.assert_status(200);
    assert_eq!(me["email_verified"], true);
    let audit = again
        .get("/audit?action=user.password_reset")
        .await
        .assert_status(200);
    let audit = audit["items"][0].to_string();
    assert!(
        audit.contains("[redacted]") && !audit.contains(&token),
        "{audit}"
    );
    // Neither the table of jobs nor that of tokens has it.
    for table in ["brisk_jobs", "identity_one_time_tokens"] {
        let rows = app.place.sql(&format!("SELECT * FROM {table}"));
        assert!(!rows.contains(&token), "{rows}");
    }
    app.stop().await;
}

async fn nobody_learns_whose_an_address_is(app: TestApp) {
    app.tenant("acme").await;
    app.mails_are_done().await;
    for path in [
        "/auth/password/forgot",
        "/auth/tenants/lookup",
        "/auth/email/verify/request",
    ] {
        let (mut seen, mut costs) = (Vec::new(), Vec::new());
        for email in [&*owner("acme"), "nobody@acme.example", "no address at all"] {
            let answer = app.public().post(path, &json!({ "email": email })).await;
            assert_eq!(answer.status, 202, "{path}: {answer:?}");
            let names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            // What is no address at all is looked for nowhere.
            if email.contains('@') {
                costs.push(answer.statements());
            }
            seen.push((answer.body, names));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
        assert_eq!(costs[0], costs[1], "{path}");
        app.mails_are_done().await;
    }
    let mails = app.mails().await;
    let about: Vec<_> = mails.iter().map(|mail| &*mail.about).collect();
    assert_eq!(
        about,
        ["email_verify", "password_reset", "tenants", "email_verify"]
    );
    assert!(mails.iter().all(|mail| mail.field("To") == owner("acme")));
    app.stop().await;
}

async fn one_address_in_two_tenants_has_two_links(app: TestApp) {
    app.tenant("acme").await;
    let body = json!({
        "email": owner("acme"), "password": PASSWORD, "full_name": "Olga Owner", "tenant_name": "Other Works",
    });
    app.public()
        .post("/auth/register", &body)
        .await
        .assert_status(201);
    app.mails_are_done().await;
    app.public()
        .post("/auth/tenants/lookup", &json!({ "email": owner("acme") }))
        .await;
    let list = app.mail("tenants").await;
    for name in ["acme (acme)", "Other Works (other-works)"] {
        assert!(list.text.contains(name), "{}", list.text);
    }
    app.forgot(&owner("acme"), None).await;
    let both = app.mail("password_reset").await;
    assert_eq!(both.tokens().len(), 2, "{}", both.text);
    assert!(
        both.text.contains("in Other Works (other-works)"),
        "{}",
        both.text
    );
    // One tenant's token is nothing in the other.
    assert_eq!(app.reset(&both.tokens()[1], NEW).await.status, 204);
    app.login(&owner("acme"), PASSWORD, Some("acme"))
        .await
        .assert_status(200);
    app.login(&owner("acme"), NEW, Some("other-works"))
        .await
        .assert_status(200);
    let wrong = app
        .login(&owner("acme"), PASSWORD, Some("other-works"))
        .await;
    wrong.assert_refused(401, "invalid-credentials");
    app.forgot(&owner("acme"), Some("acme")).await;
    app.mail("password_reset").await.token();
    // The newer one has ended the older one of the same account.
    is_void(&app.reset(&both.tokens()[0], NEW).await);
    app.stop().await;
}

async fn a_token_is_good_for_one_thing_and_for_its_time(app: TestApp) {
    let olga = app.tenant("acme").await;
    let proof = app.mail("email_verify").await.token();
    app.forgot(&owner("acme"), None).await;
    let reset = app.mail("password_reset").await.token();
    let body = json!({"email": "ann@acme.example", "full_name": "Ann", "send_invite": true});
    let ann = olga.client.post("/users", &body).await.assert_status(201);
    let invite = app.mail("invite").await.token();
    for wrong in [&proof, &invite, &"bot_nonsense".to_owned(), &String::new()] {
        is_void(&app.reset(wrong, NEW).await);
    }
    for wrong in [&reset, &invite] {
        is_void(&app.verify(wrong).await);
    }
    for wrong in [&reset, &proof] {
        is_void(&app.accept(wrong, "Ann", NEW).await);
    }
    // Sent to an address that somebody has no more, it is of no use.
    let moved = json!({"email": "ann.lee@acme.example"});
    let path = format!("/users/{}", text(&ann["id"]));
    olga.client.patch(&path, &moved).await.assert_status(200);
    is_void(&app.accept(&invite, "Ann", NEW).await);
    app.clock.advance(Duration::from_mins(31));
    is_void(&app.reset(&reset, NEW).await);
    app.clock.advance(Duration::from_hours(24));
    is_void(&app.verify(&proof).await);
    app.stop().await;
}

async fn addresses_are_proved(app: TestApp) {
    let olga = app.tenant("acme").await;
    let first = app.mail("email_verify").await;
    assert!(first.text.contains("/verify#token="), "{}", first.text);
    // Asked for again by whoever has signed in, and the newer token ends the older one.
    let asked = Call::new("POST", "/auth/email/verify/request");
    assert_eq!(olga.client.send(asked.clone()).await.status, 202);
    let second = app.mail("email_verify").await;
    is_void(&app.verify(&first.token()).await);
    let done = app.verify(&second.token()).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert!(done.statements() <= 5, "{}", done.statements());
    // Again within its life, as by a reader who presses twice.
    assert_eq!(app.verify(&second.token()).await.status, 204);
    eventually("it is told", PATIENCE, async || {
        let me = olga.client.get("/users/me").await.assert_status(200);
        (me["email_verified"] == true).then_some(())
    })
    .await;
    // There is nothing left to prove.
    assert_eq!(olga.client.send(asked).await.status, 202);
    assert_eq!(app.count("email_verify").await, 2);
    let unknown = app
        .public()
        .post("/auth/email/verify/request", &json!({}))
        .await;
    unknown.assert_refused(422, "validation");
    app.stop().await;
}

async fn nobody_comes_in_before_the_address_is_proved(app: TestApp) {
    let app = app
        .with(&[("identity.require_verified_email", "true")])
        .await;
    let body = json!({
        "email": owner("acme"), "password": PASSWORD, "full_name": "Olga Owner", "tenant_name": "acme",
    });
    let made = app
        .public()
        .post("/auth/register", &body)
        .await
        .assert_status(201);
    assert_eq!(made["verification_required"], true);
    assert!(made.get("access_token").is_none(), "{made}");
    let early = app.login(&owner("acme"), PASSWORD, None).await;
    early.assert_refused(403, "email-not-verified");
    let token = app.mail("email_verify").await.token();
    assert_eq!(app.verify(&token).await.status, 204);
    let olga = app.sign_in(&owner("acme"), None).await;
    // Who is made with a password has to prove the address as well.
    let body = json!({"email": "ann@acme.example", "full_name": "Ann", "password": PASSWORD});
    olga.client.post("/users", &body).await.assert_status(201);
    let mail = app.mail("email_verify").await;
    assert_eq!(mail.field("To"), "ann@acme.example");
    assert_eq!(app.verify(&mail.token()).await.status, 204);
    app.sign_in("ann@acme.example", None).await;
    app.stop().await;
}

async fn people_are_invited_and_come(app: TestApp) {
    let olga = app.tenant("acme").await;
    let body = json!({"email": "ann@acme.example", "full_name": "Ann", "send_invite": true, "password": PASSWORD});
    let both = olga
        .client
        .post("/users", &body)
        .await
        .assert_refused(422, "validation");
    assert_eq!(both["errors"][0]["pointer"], "/send_invite");
    let body = json!({"email": "ann@acme.example", "full_name": "Ann", "send_invite": true});
    let ann = olga.client.post("/users", &body).await.assert_status(201);
    assert_eq!(ann["status"], "invited");
    let first = app.mail("invite").await;
    assert_eq!(first.field("Subject"), "You are invited to acme");
    assert!(first.text.contains("/invite#token="), "{}", first.text);
    // She cannot come by way of a forgotten password.
    app.forgot("ann@acme.example", None).await;
    assert_eq!(app.count("password_reset").await, 0);
    let again = format!("/users/{}/invite", text(&ann["id"]));
    let sent = olga.client.send(Call::new("POST", &*again)).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let second = app.mail("invite").await.token();
    is_void(&app.accept(&first.token(), "Ann Lee", NEW).await);
    app.accept(&second, "Ann\r\nBcc: x@y.z", NEW)
        .await
        .assert_refused(422, "validation");
    app.accept(&second, "Ann Lee", "short")
        .await
        .assert_refused(422, "weak-password");
    let come = app.accept(&second, "Ann Lee", NEW).await;
    assert!(come.statements() <= 10, "{}", come.statements());
    let granted = come.assert_status(200);
    let me = app.public().bearer(text(&granted["access_token"]));
    let me = me.get("/users/me").await.assert_status(200);
    assert_eq!(
        (&me["full_name"], &me["status"], &me["email_verified"]),
        (&json!("Ann Lee"), &json!("active"), &json!(true))
    );
    assert_eq!(me["roles"], json!(["member"]));
    is_void(&app.accept(&second, "Ann Lee", NEW).await);
    app.login("ann@acme.example", NEW, Some("acme"))
        .await
        .assert_status(200);
    let late = olga.client.send(Call::new("POST", &*again)).await;
    late.assert_refused(409, "conflict");
    app.stop().await;
}

async fn the_first_owner_of_a_tenant_is_invited(app: TestApp) {
    let root = app.staff().await;
    let body = json!({"name": "Made by staff",
        "owner": {"email": "first@made.example", "full_name": "First", "send_invite": true}});
    let made = root.client.post("/admin/tenants", &body).await;
    assert_eq!(made.assert_status(201)["owner"]["status"], "invited");
    let token = app.mail("invite").await.token();
    let granted = app.accept(&token, "First", NEW).await.assert_status(200);
    let first = app.public().bearer(text(&granted["access_token"]));
    let me = first.get("/users/me").await.assert_status(200);
    assert_eq!(
        (&me["roles"], &me["tenant"]["slug"]),
        (&json!(["owner"]), &json!("made-by-staff"))
    );
    app.stop().await;
}

async fn another_address_counts_once_it_is_confirmed(app: TestApp) {
    let olga = app.tenant("acme").await;
    app.forgot(&owner("acme"), None).await;
    let reset = app.mail("password_reset").await.token();
    let ask = async |email: &str, password: &str| {
        let body = json!({"new_email": email, "current_password": password});
        olga.client.post("/users/me/email", &body).await
    };
    ask("new@acme.example", "not the password at all")
        .await
        .assert_refused(401, "invalid-credentials");
    ask("no address", PASSWORD)
        .await
        .assert_refused(422, "validation");
    ask(&owner("acme"), PASSWORD)
        .await
        .assert_refused(422, "validation");
    assert_eq!(ask("New@acme.example", PASSWORD).await.status, 202);
    let mails = app.mails().await;
    let find = |about| {
        mails
            .iter()
            .find(|mail: &&Mail| mail.about == about)
            .unwrap()
    };
    let (link, notice) = (find("email_change"), find("email_change_notice"));
    assert_eq!(link.field("To"), "New@acme.example");
    assert!(link.text.contains("/email#token="), "{}", link.text);
    assert_eq!(notice.field("To"), owner("acme"));
    assert!(notice.tokens().is_empty(), "{}", notice.text);
    // Not yet.
    app.login(&owner("acme"), PASSWORD, None)
        .await
        .assert_status(200);
    assert_eq!(app.verify(&link.token()).await.status, 204);
    assert_eq!(app.verify(&link.token()).await.status, 204);
    eventually("it is told", PATIENCE, async || {
        let me = olga.client.get("/users/me").await.assert_status(200);
        (me["email"] == "New@acme.example" && me["email_verified"] == true).then_some(())
    })
    .await;
    let old = app.login(&owner("acme"), PASSWORD, None).await;
    old.assert_refused(401, "invalid-credentials");
    app.login("new@acme.example", PASSWORD, None)
        .await
        .assert_status(200);
    // What was sent to the old address counts no more.
    is_void(&app.reset(&reset, NEW).await);
    // Somebody else may have the address by the time.
    assert_eq!(ask("ann@acme.example", PASSWORD).await.status, 202);
    let body = json!({"email": "ann@acme.example", "full_name": "Ann"});
    olga.client.post("/users", &body).await.assert_status(201);
    let mails = app.mails().await;
    let mut links = mails.iter().rev();
    let link = links.find(|mail| mail.about == "email_change").unwrap();
    app.verify(&link.token())
        .await
        .assert_refused(409, "conflict");
    app.stop().await;
}

async fn an_address_gets_three_mails_an_hour(app: TestApp) {
    app.tenant("acme").await;
    for _ in 0..5 {
        app.forgot(&owner("acme"), None).await;
        app.mails_are_done().await;
    }
    assert_eq!(app.count("password_reset").await, 3);
    // About something else there are more.
    app.public()
        .post("/auth/tenants/lookup", &json!({ "email": owner("acme") }))
        .await;
    assert_eq!(app.count("tenants").await, 1);
    app.clock.advance(Duration::from_mins(61));
    app.forgot(&owner("acme"), None).await;
    assert_eq!(app.count("password_reset").await, 4);
    // And whoever asks is slowed down by where it asks from, whomever it asks about.
    let app = app.with(&[("identity.mail_requests_per_hour", "2")]).await;
    for n in 0..2 {
        app.forgot(&format!("n{n}@acme.example"), None).await;
    }
    let body = json!({"email": "n@acme.example"});
    let refused = app.public().post("/auth/password/forgot", &body).await;
    refused.assert_refused(429, "too-many-attempts");
    assert!(refused.header("retry-after").is_some());
    app.clock.advance(Duration::from_mins(61));
    app.forgot("n@acme.example", None).await;
    app.stop().await;
}

async fn what_people_are_called_does_no_harm(app: TestApp) {
    let register = async |name: &str, tenant: &str, email: &str| {
        let body =
            json!({"email": email, "password": PASSWORD, "full_name": name, "tenant_name": tenant});
        app.public().post("/auth/register", &body).await
    };
    let head = register("Ann\r\nBcc: victim@example.org", "A", "a@acme.example").await;
    head.assert_refused(422, "validation");
    let head = register("Ann", "A\nBcc: victim@example.org", "a@acme.example").await;
    head.assert_refused(422, "validation");
    register("<b>Ann</b> & Co", "Café <i>", "a@acme.example")
        .await
        .assert_status(201);
    let mail = app.mail("email_verify").await;
    assert!(
        mail.text.contains("Hello <b>Ann</b> & Co,"),
        "{}",
        mail.text
    );
    assert!(!mail.html.contains("<b>Ann"), "{}", mail.html);
    // Nobody has us write a link of theirs to a stranger.
    register(
        "Win at https://evil.example",
        "evil.example",
        "b@acme.example",
    )
    .await
    .assert_status(201);
    let mail = app.mail("email_verify").await;
    assert!(
        !mail.text.contains("evil.example") && !mail.html.contains("evil.example"),
        "{mail:?}"
    );
    let granted = app
        .login("a@acme.example", PASSWORD, None)
        .await
        .assert_status(200);
    let ann = app.public().bearer(text(&granted["access_token"]));
    let body = json!({"email": "c@acme.example", "full_name": "C", "send_invite": true});
    ann.post("/users", &body).await.assert_status(201);
    let mail = app.mail("invite").await;
    assert!(mail.field("Subject").is_ascii(), "{}", mail.head);
    assert!(
        mail.text.contains("You are invited to Café <i>."),
        "{}",
        mail.text
    );
    assert!(
        mail.html.contains("Café") && !mail.html.contains("<i>"),
        "{}",
        mail.html
    );
    app.stop().await;
}

async fn a_token_used_twice_is_told(app: TestApp) {
    let olga = app.tenant("acme").await;
    let second = app.refresh(&olga.refresh).await.assert_status(200);
    app.refresh(text(&second["refresh_token"]))
        .await
        .assert_status(200);
    app.clock.advance(Duration::from_mins(1));
    let stolen = app.refresh(&olga.refresh).await;
    stolen.assert_refused(401, "refresh-token-reused");
    let mail = app.mail("session_reuse").await;
    assert_eq!(mail.field("To"), owner("acme"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_sessions_on_every_node() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    let olga = app.tenant("acme").await;
    let there = app.public_at(1).bearer(&olga.access);
    there.get("/users/me").await.assert_status(200);
    app.forgot(&owner("acme"), None).await;
    let token = app.mail("password_reset").await.token();
    let body = json!({"token": token, "new_password": NEW});
    let other = app.public_at(1).clone();
    assert_eq!(other.post("/auth/password/reset", &body).await.status, 204);
    for client in [&there, &olga.client] {
        eventually("the session has ended", PATIENCE, async || {
            (client.get("/users/me").await.status == 401).then_some(())
        })
        .await;
    }
    let body: Value = json!({ "refresh_token": olga.refresh });
    for node in 0..2 {
        let ended = app.public_at(node).post("/auth/refresh", &body).await;
        ended.assert_refused(401, "invalid-refresh-token");
    }
    app.stop().await;
}

on_both!(
    a_forgotten_password_is_set_anew,
    nobody_learns_whose_an_address_is,
    one_address_in_two_tenants_has_two_links,
    a_token_is_good_for_one_thing_and_for_its_time,
    addresses_are_proved,
    nobody_comes_in_before_the_address_is_proved,
    people_are_invited_and_come,
    the_first_owner_of_a_tenant_is_invited,
    another_address_counts_once_it_is_confirmed,
    an_address_gets_three_mails_an_hour,
    what_people_are_called_does_no_harm,
    a_token_used_twice_is_told,
);
