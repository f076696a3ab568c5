//! The real program with this service, on a database of its own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use brisk::config::{LoadOptions, Settings};
use brisk::prelude::*;
use brisk::testing::{NoFindings, STRICT};
use brisk::{App, Running};
use brisk_testkit::files::{Folder, SqliteFile};
use brisk_testkit::servers::Postgres;
use brisk_testkit::services::{Answer, Call, Client, PATIENCE, Place, eventually};
use serde_json::{Value, json};

use crate::mail::{self, Mail};

/// A password that nobody guesses.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// An app of this service on the database at `url`, which writes its mails into a folder.
fn app(url: &str, mails: &Path, extra: &[(&str, &str)]) -> App {
    let log_level = std::env::var("BRISK_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
    let [traced, strict] = STRICT;
    let mailer = format!("file:{}", mails.display());
    let usual = [
        traced,
        strict,
        ("database.url", url),
        ("http.listen", "127.0.0.1:0"),
        ("master_key", "0123456789abcdef0123456789abcdef"),
        ("telemetry.log_level", &log_level),
        ("http.request_log", "notable"),
        // Hashing is tested where passwords are; here it would only take time.
        ("auth.hash.m_kib", "64"),
        ("auth.hash.t", "1"),
        ("identity.mailer_url", &mailer),
        // How often one may ask is tested where mails are.
        ("identity.mail_requests_per_hour", "0"),
        ("identity.login_limit_per_min", "0"),
    ];
    let overrides = usual.iter().chain(extra);
    let options = LoadOptions {
        overrides: overrides
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..LoadOptions::default()
    };
    App::new(Settings::load(options))
        .service(brisk_identity::service())
        .demo(false)
}

/// Starts a node on the database at `url`.
async fn start(url: &str, mails: &Path, clock: &Clock, extra: &[(&str, &str)]) -> Running {
    let app = app(url, mails, extra).at(clock.clone(), Ids::random());
    let opened = app.check().unwrap().open().await.unwrap();
    opened.start().await.unwrap()
}

/// A PostgreSQL database with all tables.
async fn postgres() -> Place {
    let mut hash = DefaultHasher::new();
    for set in [
        brisk::auth::MIGRATIONS,
        brisk::jobs::MIGRATIONS,
        brisk_identity::MIGRATIONS,
    ] {
        set.postgres.hash(&mut hash);
    }
    let key = format!("identity it {:x}", hash.finish());
    let database = Postgres::shared()
        .database_from(&key, async |url| {
            let opened = app(&url, Path::new("mail"), &[])
                .check()
                .unwrap()
                .open()
                .await
                .unwrap();
            opened.close().await;
            Ok::<_, brisk_testkit::servers::Error>(())
        })
        .await;
    Place::Postgres(Box::new(database.unwrap()))
}

/// An empty PostgreSQL database of a plain user, and its address for that user.
fn owned() -> (Place, String) {
    let mut database = Postgres::shared().database().unwrap();
    let url = database.give_to_plain_owner().unwrap();
    (Place::Postgres(Box::new(database)), url)
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: String,
    pub(crate) id: String,
    pub(crate) tenant: i64,
}

/// Running nodes on a database of their own.
pub(crate) struct TestApp {
    pub(crate) place: Place,
    /// How the nodes find it.
    url: String,
    pub(crate) nodes: Vec<Running>,
    pub(crate) clock: Clock,
    mails: Folder,
    /// Whether the server itself keeps tenants apart.
    has_walls: bool,
    extra: Vec<(String, String)>,
    clients: Vec<Client>,
    /// A wasteful request or job fails the test at its end.
    clean: Vec<NoFindings>,
}

impl TestApp {
    pub(crate) async fn sqlite() -> Self {
        let place = Place::Sqlite(SqliteFile::new().unwrap());
        let url = place.url();
        Self::at(place, url, false).await
    }

    pub(crate) async fn postgres() -> Self {
        if std::env::var_os("BRISK_TEST_ROW_SECURITY").is_some() {
            return Self::walled().await;
        }
        let place = postgres().await;
        let url = place.url();
        Self::at(place, url, false).await
    }

    /// On PostgreSQL, where the server itself keeps tenants apart.
    pub(crate) async fn walled() -> Self {
        let (place, url) = owned();
        let app = Self::at(place, url, true).await;
        let walls = "SELECT count(*) FROM pg_policy WHERE polname = 'brisk_tenant'";
        assert!(app.place.number(walls) > 10);
        app
    }

    async fn at(place: Place, url: String, has_walls: bool) -> Self {
        // Stands still at the present, so that no token ends while a busy machine runs the test.
        let clock = Clock::manual(Clock::system().now());
        let mut app = Self {
            place,
            url,
            nodes: Vec::new(),
            clock,
            mails: Folder::new().unwrap(),
            has_walls,
            extra: Vec::new(),
            clients: Vec::new(),
            clean: Vec::new(),
        };
        app.add_node().await;
        app
    }

    /// The same database under one new node whose clock goes on: for what depends on how long ago something was.
    pub(crate) async fn in_real_time(mut self) -> Self {
        self.clock = Clock::system();
        self.restarted().await
    }

    /// The same database under one new node with these settings.
    pub(crate) async fn with(self, extra: &[(&str, &str)]) -> Self {
        self.set(extra).restarted().await
    }

    /// With these settings from the next start on.
    pub(crate) fn set(mut self, extra: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        self.extra = extra.iter().map(owned).collect();
        self
    }

    /// The same database under one new node.
    pub(crate) async fn restarted(mut self) -> Self {
        for node in self.nodes.drain(..) {
            node.stop().await.unwrap();
        }
        self.clients.clear();
        self.add_node().await;
        self
    }

    /// Starts one more node.
    pub(crate) async fn add_node(&mut self) {
        let url = self.url.clone();
        self.add_node_at(&url).await;
    }

    /// Starts one more node, which finds the database at `url`.
    pub(crate) async fn add_node_at(&mut self, url: &str) {
        let walls = [("database.row_security", "true")];
        let extra = self.extra.iter().map(|(k, v)| (&**k, &**v));
        let extra: Vec<_> = extra
            .chain(walls.into_iter().filter(|_| self.has_walls))
            .collect();
        let node = start(url, self.mails.path(), &self.clock, &extra).await;
        self.clients.push(Client::new(node.address()));
        self.clean.push(NoFindings::of(node.kit()));
        self.nodes.push(node);
    }

    /// Nobody in particular, who asks the first node.
    pub(crate) fn public(&self) -> &Client {
        &self.clients[0]
    }

    /// Nobody in particular, who asks the node of that number.
    pub(crate) fn public_at(&self, node: usize) -> &Client {
        &self.clients[node]
    }

    /// Registers a tenant of that name; its owner is `owner@<name>.example`.
    pub(crate) async fn tenant(&self, name: &str) -> Person {
        let body = json!({
            "email": owner(name), "password": PASSWORD, "full_name": "Olga Owner", "tenant_name": name,
        });
        let made = self.public().post("/auth/register", &body).await;
        self.person(&made.assert_status(201))
    }

    /// The first administrator of the installation, freshly signed in.
    pub(crate) async fn staff(&self) -> Person {
        let notice = self.nodes[0].notices()[0].clone();
        let token = notice.path.rsplit('=').next().unwrap().to_owned();
        let body = json!({"token": token, "email": "root@ops.example", "password": PASSWORD, "full_name": "Root"});
        let made = self.public().post("/setup", &body).await;
        self.person(&made.assert_status(201))
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in(&self, email: &str, tenant: Option<&str>) -> Person {
        let answer = self.login(email, PASSWORD, tenant).await;
        let granted = answer.assert_status(200);
        let me = self.public().bearer(text(&granted["access_token"]));
        let me = me.get("/users/me").await.assert_status(200);
        self.person(&merged(granted, json!({ "user": me })))
    }

    /// Tries to sign in, a moment after whatever was before.
    pub(crate) async fn login(&self, email: &str, password: &str, tenant: Option<&str>) -> Answer {
        self.clock.advance(std::time::Duration::from_millis(1));
        let mut body = json!({ "email": email, "password": password });
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        self.public().post("/auth/login", &body).await
    }

    fn person(&self, granted: &Value) -> Person {
        let access = text(&granted["access_token"]).to_owned();
        Person {
            client: self.public().bearer(&access),
            access,
            refresh: text(&granted["refresh_token"]).to_owned(),
            session: text(&granted["session_id"]).to_owned(),
            id: text(&granted["user"]["id"]).to_owned(),
            tenant: granted["user"]["tenant_id"].as_i64().unwrap(),
        }
    }

    /// The id of the role of that name in a tenant.
    pub(crate) fn role(&self, tenant: i64, name: &str) -> String {
        let id = if self.place.is_postgres() {
            "id"
        } else {
            "lower(hex(id))"
        };
        let text = format!(
            "SELECT {id} FROM identity_roles WHERE tenant_id = {tenant} AND name = '{name}'"
        );
        let id: uuid::Uuid = self.place.sql(&text).parse().unwrap();
        id.to_string()
    }

    /// Makes somebody with these roles beside `owner`, and signs it in.
    pub(crate) async fn person_with(&self, owner: &Person, email: &str, roles: &[&str]) -> Person {
        let ids: Vec<_> = roles
            .iter()
            .map(|name| self.role(owner.tenant, name))
            .collect();
        let body = json!({"email": email, "full_name": "Somebody Else", "password": PASSWORD, "role_ids": ids});
        owner.client.post("/users", &body).await.assert_status(201);
        self.sign_in(email, Some(&owner.tenant.to_string())).await
    }

    /// Until what is known of somebody is known again, after whatever has changed.
    pub(crate) async fn warm(&self, who: &Person) {
        let known = async || {
            let me = who.client.get("/users/me").await;
            me.assert_status(200);
            (me.statements() == 0).then_some(())
        };
        eventually("the account is known", PATIENCE, known).await;
    }

    /// Until no mail waits to be sent.
    pub(crate) async fn mails_are_done(&self) {
        let waiting =
            "SELECT count(*) FROM brisk_jobs WHERE kind = 'identity.mail' AND state = 'ready'";
        eventually("all mails are sent", PATIENCE, async || {
            (self.place.number(waiting) == 0).then_some(())
        })
        .await;
    }

    /// The mails that were sent, in order.
    pub(crate) async fn mails(&self) -> Vec<Mail> {
        self.mails_are_done().await;
        mail::read(self.mails.path())
    }

    /// Shows a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let call = Call::new("POST", "/auth/refresh").json(&json!({ "refresh_token": token }));
        self.public().send(call).await
    }

    pub(crate) async fn stop(self) {
        for node in self.nodes {
            node.stop().await.unwrap();
        }
        drop(self.clean);
    }
}

/// The address of the owner of the tenant of that name.
pub(crate) fn owner(tenant: &str) -> String {
    format!("owner@{tenant}.example")
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

fn merged(mut a: Value, b: Value) -> Value {
    if let (Some(a), Value::Object(b)) = (a.as_object_mut(), b) {
        a.extend(b);
    }
    a
}
