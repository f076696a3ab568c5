//! The WebSocket: the way in, rights, bad messages, the end of tokens, topics on one node and two.

use std::time::Duration;

use brisk::core::TenantId;
use brisk_testkit::services::{FRESH, PATIENCE, eventually};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::{Error, handshake::client::Response};

use crate::on_both;
use crate::world::{EVERYTHING, TestApp};

on_both!(
    the_way_in_has_a_code_for_each_mistake,
    pages_of_unknown_origins_never_get_in,
    messages_do_what_routes_do,
    rights_are_asked_for_each_message_and_topic,
    bad_messages_are_answered_and_then_the_connection_is_closed,
    messages_above_the_limit_close_the_connection,
    a_token_is_warned_of_renewed_and_ends,
    somebody_else_cannot_take_over,
    a_session_that_ends_closes_its_connections,
    changes_are_told_to_those_who_listen_and_to_no_other_tenant,
    changes_of_other_programs_are_told,
    a_client_that_does_not_read_is_dropped_and_harms_nobody,
    who_does_not_answer_pings_is_closed,
    the_end_of_the_program_closes_everybody,
);

/// One connection.
struct Socket(WebSocketStream<TcpStream>);

const REQ: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

async fn connect(
    app: &TestApp,
    node: usize,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Response), Error> {
    let address = app.nodes[node].address();
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/catalog/web");
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    Ok((Socket(socket), response))
}

impl Socket {
    async fn open(app: &TestApp) -> Self {
        connect(app, 0, &[]).await.unwrap().0
    }

    /// Somebody of that name who may do this, on a node.
    async fn person(app: &TestApp, node: usize, tenant: TenantId, name: &str, may: &str) -> Self {
        let (mut socket, _) = connect(app, node, &[]).await.unwrap();
        let token = app.token(node, tenant, name, may, None);
        socket.sign_in(&token).await;
        socket
    }

    async fn sign_in(&mut self, token: &str) -> Value {
        self.say(&auth(token)).await;
        let ok = self.next().await;
        assert_eq!(ok["type"], "auth_ok", "{ok}");
        ok
    }

    async fn say(&mut self, value: &Value) {
        self.text(&value.to_string()).await;
    }

    async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message, which is no ping and no close.
    async fn next(&mut self) -> Value {
        let heard = tokio::time::timeout(PATIENCE, async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return text,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("a text, not {other:?}"),
                }
            }
        });
        serde_json::from_str(&heard.await.expect("a message in time")).unwrap()
    }

    /// The next message that fits.
    async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.next().await;
            if fits(&heard) {
                return heard;
            }
        }
    }

    async fn ask(&mut self, pkg_id: i32, data: Value) -> Value {
        self.say(&json!({"pkg_id": pkg_id, "req_id": REQ, "data": data}))
            .await;
        self.until(|heard| heard["req_id"] == REQ).await
    }

    async fn listen(&mut self, topics: &[&str]) {
        let answer = self.ask(20, json!({"topics": topics})).await;
        assert_eq!(answer["status_code"], 0, "{answer}");
    }

    /// The code with which it was closed.
    async fn closed(&mut self) -> u16 {
        let closed = tokio::time::timeout(PATIENCE, async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code),
                    Some(Ok(_)) => {}
                    other => panic!("closed without a code: {other:?}"),
                }
            }
        });
        closed.await.expect("closed in time")
    }
}

fn auth(token: &str) -> Value {
    json!({"type": "auth", "token": format!("Bearer {token}")})
}

fn is_changed(heard: &Value, model: &str) -> bool {
    heard["pkg_id"] == 100 && heard["data"]["model"] == model
}

/// Whether this tells of that author.
fn tells(heard: &Value, id: i64) -> bool {
    is_changed(heard, "Author") && heard["data"]["id"] == id
}

async fn the_way_in_has_a_code_for_each_mistake(app: TestApp) {
    let app = app.with(&[("catalog.ws.auth_timeout", "300ms")]).await;
    let tenant = app.tenant("library").await;
    let good = app.token(0, tenant, "ann", EVERYTHING, None);
    for first in [
        "no json".to_owned(),
        json!({"type": "hello", "token": "x"}).to_string(),
        json!({"type": "auth"}).to_string(),
        json!({"type": "auth", "token": good}).to_string(),
        json!({"type": "auth", "token": "Bearer x.y.z"}).to_string(),
        json!({"type": "auth", "token": "Bearer \u{1}"}).to_string(),
    ] {
        let mut socket = Socket::open(&app).await;
        socket.text(&first).await;
        assert_eq!(socket.closed().await, 4001, "{first}");
    }
    let mut socket = Socket::open(&app).await;
    let frame = Message::binary(auth(&good).to_string());
    socket.0.send(frame).await.unwrap();
    assert_eq!(socket.closed().await, 4001);
    let mut socket = Socket::open(&app).await;
    assert_eq!(socket.closed().await, 4002);
    let headers = [("x-correlation-id", "test.1")];
    let (mut socket, response) = connect(&app, 0, &headers).await.unwrap();
    assert_eq!(response.status(), 101);
    let ok = socket.sign_in(&good).await;
    assert_eq!(ok["correlation_id"], "test.1");
    assert!(ok["connection_id"].is_string() && ok["expires_at"].is_string());
    socket.say(&json!({"type": "ping"})).await;
    assert_eq!(socket.next().await, json!({"type": "pong"}));
    app.stop().await;
}

async fn pages_of_unknown_origins_never_get_in(app: TestApp) {
    let app = app
        .with(&[("catalog.ws.allowed_origins", r#"["https://shop.example"]"#)])
        .await;
    let refused = connect(&app, 0, &[("origin", "https://evil.example")]).await;
    match refused {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("a 403 before the upgrade, not {:?}", other.map(|(_, r)| r)),
    }
    let allowed = connect(&app, 0, &[("origin", "https://shop.example")]).await;
    assert_eq!(allowed.unwrap().1.status(), 101);
    app.stop().await;
}

async fn messages_do_what_routes_do(app: TestApp) {
    let (tenant, client) = app.librarian().await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    let made = socket.ask(3, json!({"name": "Ursula"})).await;
    assert_eq!(
        (&made["pkg_id"], &made["status_code"]),
        (&json!(3), &json!(0))
    );
    let id = made["data"]["id"].clone();
    let again = socket.ask(3, json!({"name": "Ursula"})).await;
    assert_eq!(again["status_code"], 1);
    assert_eq!(again["data"]["code"], "conflict");
    let new = json!({"id": id, "name": "Ursula K."});
    assert_eq!(socket.ask(4, new).await["data"]["name"], "Ursula K.");
    let found = socket.ask(1, json!({"search_term": "ursula"})).await;
    assert_eq!(found["data"][0]["id"], id);
    let asked = json!({"per_page": 5, "filters": {"name": "k."}, "eager_load": ["books"]});
    let page = socket.ask(2, asked).await;
    let path = "/catalog/authors/paginated?per_page=5&name=k.&eager_load=books";
    let same = client.get(path).await.assert_status(200);
    assert_eq!(page["data"], same["items"]);
    assert_eq!(page["meta"]["total"], same["meta"]["total"]);
    let unknown = socket.ask(2, json!({"filters": {"shoe": 1}})).await;
    assert_eq!(unknown["status_code"], 2);
    assert_eq!(unknown["data"]["code"], "unknown_filter");
    assert_eq!(socket.ask(5, json!({"id": id})).await["data"], json!({}));
    let gone = socket.ask(5, json!({"id": id})).await;
    assert_eq!(
        (&gone["status_code"], &gone["data"]["code"]),
        (&json!(1), &json!("not_found"))
    );
    let said = socket
        .ask(11, json!({"channel": "c", "body": "hello"}))
        .await;
    assert_eq!(said["data"]["sender_id"], "ann");
    let heard = socket.ask(10, json!({"channel": "c"})).await;
    assert_eq!(heard["data"], json!([said["data"]]));
    app.stop().await;
}

async fn rights_are_asked_for_each_message_and_topic(app: TestApp) {
    let tenant = app.tenant("library").await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", "authors:read").await;
    assert_eq!(socket.ask(1, json!({})).await["status_code"], 0);
    let refused = socket.ask(3, json!({"name": "A"})).await;
    assert_eq!(refused["status_code"], 3);
    assert_eq!(refused["data"]["code"], "permission_denied");
    assert_eq!(
        refused["data"]["details"]["missing_roles"],
        json!(["create-author"])
    );
    // Rights come first, then the shape.
    assert_eq!(
        socket.ask(3, json!({"nonsense": 1})).await["status_code"],
        3
    );
    let unknown = socket.ask(999, json!({})).await;
    assert_eq!(unknown["status_code"], 1);
    assert_eq!(unknown["data"]["msg"], "No handler found for pkg_id 999");
    let topics = json!({"topics": ["authors", "messages:general"]});
    assert_eq!(socket.ask(20, topics).await["status_code"], 3);
    let topics = json!({"topics": ["shoes"]});
    assert_eq!(socket.ask(20, topics).await["status_code"], 2);
    let answer = socket.ask(20, json!({"topics": ["authors"]})).await;
    assert_eq!(answer["data"], json!({"topics": ["authors"]}));
    let answer = socket.ask(21, json!({"topics": ["authors"]})).await;
    assert_eq!(answer["data"], json!({"topics": []}));
    app.stop().await;
}

async fn bad_messages_are_answered_and_then_the_connection_is_closed(app: TestApp) {
    let tenant = app.tenant("library").await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    for _ in 0..4 {
        socket.text("no json").await;
        let answer = socket.next().await;
        assert_eq!(answer["status_code"], 2);
        assert_eq!(answer["req_id"], "00000000-0000-0000-0000-000000000000");
        assert_eq!(answer["data"]["code"], "invalid_data");
    }
    // A good one between them begins the count anew; a wrong field is no bad message.
    let wrong = socket.ask(1, json!({"shoe": 1})).await;
    assert_eq!(wrong["status_code"], 2);
    assert_eq!(wrong["data"]["details"]["errors"][0]["field"], "shoe");
    for _ in 0..5 {
        socket
            .text(&format!(r#"{{"pkg_id":1,"req_id":"{REQ}","data":[]}}"#))
            .await;
        assert_eq!(socket.next().await["req_id"], REQ);
    }
    assert_eq!(socket.closed().await, 1003);
    app.stop().await;
}

async fn messages_above_the_limit_close_the_connection(app: TestApp) {
    let tenant = app.tenant("library").await;
    for size in [(64 << 10) + 1, 1 << 20] {
        let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
        // Of a much larger one the server does not read the end, so that the close may be lost with the connection.
        let sent = socket.0.send(Message::text("x".repeat(size))).await;
        if size < 100_000 {
            sent.unwrap();
            assert_eq!(socket.closed().await, 1009);
        }
    }
    app.stop().await;
}

async fn a_token_is_warned_of_renewed_and_ends(app: TestApp) {
    let tenant = app.tenant("library").await;
    let kit = app.nodes[0].kit();
    let who = kit.ids.uuid();
    let mut socket = Socket::open(&app).await;
    let first = app.token(0, tenant, "ann", EVERYTHING, Some((who, 60)));
    socket.sign_in(&first).await;
    app.clock.advance(Duration::from_secs(31));
    let warned = socket.next().await;
    assert_eq!(warned["type"], "auth_expiring");
    let second = app.token(0, tenant, "ann", EVERYTHING, Some((who, 40)));
    let renewed = socket.sign_in(&second).await;
    assert!(renewed["expires_at"].as_str() > warned["expires_at"].as_str());
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(socket.next().await["type"], "auth_expiring");
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(socket.closed().await, 4003);
    // Where less than half a minute is left, it is said at once.
    let mut socket = Socket::open(&app).await;
    let short = app.token(0, tenant, "ann", EVERYTHING, Some((who, 10)));
    socket.sign_in(&short).await;
    assert_eq!(socket.next().await["type"], "auth_expiring");
    app.stop().await;
}

async fn somebody_else_cannot_take_over(app: TestApp) {
    let tenant = app.tenant("library").await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    let other = app.token(0, tenant, "bob", EVERYTHING, None);
    socket.say(&auth(&other)).await;
    assert_eq!(socket.closed().await, 4001);
    app.stop().await;
}

async fn a_session_that_ends_closes_its_connections(app: TestApp) {
    let tenant = app.tenant("library").await;
    let mut socket = Socket::person(&app, 0, tenant, "leaver", EVERYTHING).await;
    let mut other = Socket::person(&app, 0, tenant, "stayer", EVERYTHING).await;
    app.lock_out("leaver");
    let code = tokio::time::timeout(FRESH, socket.closed()).await.unwrap();
    assert_eq!(code, 4001);
    assert_eq!(other.ask(1, json!({})).await["status_code"], 0);
    app.stop().await;
}

async fn changes_are_told_to_those_who_listen_and_to_no_other_tenant(mut app: TestApp) {
    if app.place.is_postgres() {
        app.add_node().await;
    }
    // Until a node has caught up, it can only say that anything may have changed.
    eventually("every node hears of each commit", PATIENCE, async || {
        let mut nodes = app.nodes.iter();
        nodes
            .all(|node| node.kit().db.changes().is_trusted())
            .then_some(())
    })
    .await;
    let last = app.nodes.len() - 1;
    let (tenant, client) = app.librarian().await;
    let foreign = app.tenant("other").await;
    let mut here = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    let mut there = Socket::person(&app, last, tenant, "bob", EVERYTHING).await;
    let mut stranger = Socket::person(&app, last, foreign, "eve", EVERYTHING).await;
    for socket in [&mut here, &mut there, &mut stranger] {
        socket.listen(&["authors", "messages:general"]).await;
    }
    let path = "/catalog/authors";
    let made = client.post(path, &json!({"name": "A"})).await;
    let id = made.assert_status(201)["id"].as_i64().unwrap();
    for socket in [&mut here, &mut there] {
        let heard = socket.until(|heard| tells(heard, id)).await;
        assert_eq!(heard["data"]["op"], "created");
        assert_eq!(heard["req_id"], "00000000-0000-0000-0000-000000000000");
        assert!(heard.get("status_code").is_none());
    }
    let gone = client.delete(&format!("{path}/{id}")).await;
    gone.assert_status(204);
    let heard = there.until(|heard| tells(heard, id)).await;
    assert_eq!(heard["data"]["op"], "deleted");
    let said = here.ask(11, json!({"body": "hello"})).await["data"].clone();
    let page = there.ask(10, json!({"channel": "general"})).await;
    assert_eq!(page["data"], json!([said]));
    let second = here
        .ask(11, json!({"body": "again", "channel": "else"}))
        .await;
    assert_eq!(second["status_code"], 0);
    let third = client
        .post("/catalog/messages", &json!({"body": "third"}))
        .await;
    let third = third.assert_status(201);
    for socket in [&mut there, &mut here] {
        let heard = socket
            .until(|heard| heard["pkg_id"] == 101 && heard["data"]["body"] == "third")
            .await;
        assert_eq!(heard["data"], third);
    }
    // What a stranger hears next is of its own tenant.
    let own = app.person(foreign, "eve", EVERYTHING);
    let made = own.post(path, &json!({"name": "Own"})).await;
    let own_id = made.assert_status(201)["id"].as_i64().unwrap();
    let heard = stranger.until(|heard| heard["data"]["id"].is_i64()).await;
    assert!(tells(&heard, own_id), "{heard}");
    app.stop().await;
}

async fn changes_of_other_programs_are_told(app: TestApp) {
    let (tenant, _) = app.librarian().await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    socket.listen(&["authors"]).await;
    let tenant = tenant.get();
    let text = format!("INSERT INTO catalog_authors (tenant_id, name) VALUES ({tenant}, 'Raw')");
    app.place.sql(&text);
    let heard = tokio::time::timeout(FRESH, socket.until(|heard| is_changed(heard, "Author")));
    heard.await.expect("told within the bound");
    app.stop().await;
}

async fn a_client_that_does_not_read_is_dropped_and_harms_nobody(app: TestApp) {
    /// With bodies of 4,000 characters more than the buffers of two sockets and the queue between them hold.
    const ROUNDS: usize = 40;
    const AT_ONCE: usize = 50;
    let (tenant, client) = app.librarian().await;
    let mut slow = Socket::person(&app, 0, tenant, "slow", EVERYTHING).await;
    slow.listen(&["messages:general"]).await;
    let mut quick = Socket::person(&app, 0, tenant, "quick", EVERYTHING).await;
    quick.listen(&["messages:general"]).await;
    let message = json!({"body": "x".repeat(4_000)});
    for _ in 0..ROUNDS {
        let posts = (0..AT_ONCE).map(|_| client.post("/catalog/messages", &message));
        for answer in futures::future::join_all(posts).await {
            answer.assert_status(201);
        }
        for _ in 0..AT_ONCE {
            quick.until(|heard| heard["pkg_id"] == 101).await;
        }
    }
    // Its connection ends, with or without the close frame, for which there may have been no room.
    let ended =
        async { while let Some(Ok(Message::Text(_) | Message::Ping(_))) = slow.0.next().await {} };
    let ended = tokio::time::timeout(PATIENCE, ended).await;
    assert!(ended.is_ok(), "the slow client is still served");
    app.stop().await;
}

async fn who_does_not_answer_pings_is_closed(app: TestApp) {
    let app = app
        .with(&[
            ("catalog.ws.heartbeat", "200ms"),
            ("catalog.ws.recheck", "50ms"),
        ])
        .await;
    let tenant = app.tenant("library").await;
    let mut alive = Socket::person(&app, 0, tenant, "alive", EVERYTHING).await;
    let mut dead = Socket::person(&app, 0, tenant, "dead", EVERYTHING).await;
    // A client answers pings while it reads; this one hears nothing else, for as long as five of them take.
    let reading = tokio::time::timeout(Duration::from_secs(1), alive.until(|_| false));
    assert!(reading.await.is_err());
    assert_eq!(dead.closed().await, 1011);
    app.stop().await;
}

async fn the_end_of_the_program_closes_everybody(mut app: TestApp) {
    let (tenant, client) = app.librarian().await;
    let mut socket = Socket::person(&app, 0, tenant, "ann", EVERYTHING).await;
    let mut silent = Socket::open(&app).await;
    socket
        .say(&json!({"pkg_id": 3, "req_id": REQ, "data": {"name": "Last"}}))
        .await;
    let node = app.nodes.remove(0);
    let stopping = tokio::spawn(node.stop());
    drop(client);
    assert_eq!(socket.closed().await, 1001);
    assert_eq!(silent.closed().await, 1001);
    stopping.await.unwrap().unwrap();
    app.stop().await;
}
