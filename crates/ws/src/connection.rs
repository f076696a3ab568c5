//! One client, from its first message to its last.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use brisk_core::{Deadline, FieldError, Ledger, Scope};
use brisk_http::{Exchange, Problem, from_value};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::close::End;
use crate::identity::Identity;
use crate::registry::Outbox;
use crate::room::Room;
use crate::wire::{self, Bad, Reply, Request, Said, Status};

/// How long a client has to take its leave.
const GOODBYE: Duration = Duration::from_secs(1);

/// Topics of one connection at most.
const MOST_TOPICS: usize = 100;

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;

/// Serves one client until one of the two ends it.
pub(crate) async fn serve(
    room: Room,
    exchange: Arc<Exchange>,
    id: Uuid,
    correlation: String,
    socket: WebSocket,
) {
    let span = tracing::info_span!("ws.connection", correlation_id = %correlation);
    let served = async move {
        let (sink, mut stream) = socket.split();
        let first = tokio::select! {
            first = sign_in(&room, &exchange, &mut stream) => first,
            () = room.0.host.stop.cancelled() => Err(End::Stopping),
        };
        match first {
            Ok(who) => {
                room.0.meter.connection("accepted");
                room.0.meter.active(1.0);
                let _left = Left(&room);
                let (outbox, queue) = Outbox::new(room.0.config.queue, room.0.meter);
                let now = Instant::now();
                let connection = Connection {
                    id,
                    exchange,
                    correlation,
                    who,
                    is_warned: false,
                    bad: 0,
                    next_ping: now + room.0.config.heartbeat,
                    awaits_pong: false,
                    topics: BTreeSet::new(),
                    in_flight: JoinSet::new(),
                    outbox,
                    queue,
                    sink,
                    stream,
                    room: room.clone(),
                };
                connection.run().await;
            }
            Err(end) => {
                match end {
                    End::Refused => room.0.meter.connection("rejected_auth"),
                    End::Silent => room.0.meter.connection("rejected_auth_timeout"),
                    _ => {}
                }
                close(sink, stream, end).await;
            }
        }
    };
    served.instrument(span).await;
}

/// Counts a connection out.
struct Left<'a>(&'a Room);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.0.meter.active(-1.0);
    }
}

/// Who a client says it is in its first message.
async fn sign_in(room: &Room, exchange: &Exchange, stream: &mut Stream) -> Result<Identity, End> {
    let patience = room.0.config.auth_timeout;
    let first = async {
        loop {
            match stream.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Binary(_))) => return Err(End::Refused),
                Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    };
    let text = timeout(patience, first)
        .await
        .map_err(|_late| End::Silent)??;
    let Ok(Said::Auth(token)) = Said::read(&text) else {
        return Err(End::Refused);
    };
    let who = Identity::of(exchange, &token, Deadline::after(patience)).await;
    let who = who.ok_or(End::Refused)?;
    let has_ended = who.expires_at() <= Some(room.0.host.clock.now());
    if has_ended && who.expires_at().is_some() {
        return Err(End::Refused);
    }
    Ok(who)
}

/// What is behind an error of the socket.
fn broken(error: &axum::Error) -> End {
    let mut next = error.source();
    while let Some(error) = next {
        match error.downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => return End::TooLarge,
            Some(tungstenite::Error::Utf8(_)) => return End::NotText,
            Some(tungstenite::Error::Protocol(_)) => return End::Protocol,
            _ => next = error.source(),
        }
    }
    End::Gone
}

/// Says why, and waits a moment until the client has heard it.
async fn close(mut sink: Sink, mut stream: Stream, end: End) {
    let goodbye = async {
        let said = match end.message() {
            Some(message) => sink.send(message).await,
            None => sink.close().await,
        };
        // What still comes is read, because a socket that is closed over unread bytes takes its last words back.
        while said.is_ok() && matches!(stream.next().await, Some(Ok(_))) {}
    };
    if timeout(GOODBYE, goodbye).await.is_err() {
        tracing::debug!("a client left without a word");
    }
}

/// The payload and the answer of the two messages about topics.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Topics {
    topics: Vec<String>,
}

struct Connection {
    room: Room,
    exchange: Arc<Exchange>,
    id: Uuid,
    correlation: String,
    who: Identity,
    /// Whether the client knows that its token ends.
    is_warned: bool,
    /// Bad messages in a row.
    bad: u32,
    next_ping: Instant,
    awaits_pong: bool,
    topics: BTreeSet<String>,
    /// Messages in work; each is a task, so that a client that does not read holds up none of them.
    in_flight: JoinSet<()>,
    outbox: Arc<Outbox>,
    queue: mpsc::Receiver<Utf8Bytes>,
    sink: Sink,
    stream: Stream,
}

impl Connection {
    async fn run(mut self) {
        let end = match self.welcome().await {
            Ok(()) => self.attend().await,
            Err(end) => end,
        };
        for topic in &self.topics {
            let registry = &self.room.0.registry;
            registry.remove(self.who.tenant, topic, self.id);
        }
        // What a client has begun is done also when it has gone.
        self.in_flight.detach_all();
        close(self.sink, self.stream, end).await;
    }

    async fn welcome(&mut self) -> Result<(), End> {
        let text = wire::auth_ok(self.id, self.who.expires_at(), &self.correlation);
        self.send(text).await?;
        self.is_warned = false;
        self.warn().await
    }

    async fn attend(&mut self) -> End {
        let every = self.room.0.config.recheck;
        let mut tick = interval_at(Instant::now() + every, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = self.in_flight.len() < self.room.0.config.inflight_per_connection;
            let done = tokio::select! {
                () = self.room.0.host.stop.cancelled() => return self.finish().await,
                () = self.outbox.slow.cancelled() => Err(End::Slow),
                _ = tick.tick() => self.look().await,
                Some(text) = self.queue.recv() => self.send(text).await,
                Some(_) = self.in_flight.join_next() => Ok(()),
                heard = self.stream.next(), if has_room => self.hear(heard).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Lets messages in work end, and sends what waits.
    async fn finish(&mut self) -> End {
        let end = Instant::now() + self.room.0.config.deadline;
        loop {
            let done = tokio::select! {
                Some(text) = self.queue.recv() => self.send(text).await,
                ended = self.in_flight.join_next() => match ended {
                    Some(_) => Ok(()),
                    None => break,
                },
                () = sleep_until(end) => break,
            };
            if let Err(end) = done {
                return end;
            }
        }
        while let Ok(text) = self.queue.try_recv() {
            if let Err(end) = self.send(text).await {
                return end;
            }
        }
        End::Stopping
    }

    async fn send(&mut self, text: Utf8Bytes) -> Result<(), End> {
        self.room.0.meter.sent();
        self.write(Message::Text(text)).await
    }

    /// Writes as long as the client takes it.
    async fn write(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            biased;
            sent = self.sink.send(message) => sent.map_err(|_gone| End::Gone),
            () = self.outbox.slow.cancelled() => Err(End::Slow),
            () = self.room.0.host.stop.cancelled() => Err(End::Stopping),
            () = sleep(self.room.0.config.heartbeat) => Err(End::NoPong),
        }
    }

    /// Looks after the token and the heartbeat.
    async fn look(&mut self) -> Result<(), End> {
        let now = self.room.0.host.clock.now();
        if self.who.expires_at().is_some_and(|end| end <= now) {
            return Err(End::Expired);
        }
        let patience = Deadline::after(self.room.0.config.recheck);
        match self.who.principal_now(patience).await {
            Ok(principal) if self.who.is_same(&principal) => {
                let has_changed = principal.permissions != self.who.principal.permissions;
                self.who.principal = principal;
                if has_changed {
                    self.drop_topics();
                }
            }
            Ok(_) => return Err(End::Refused),
            Err(problem) if problem.status().is_client_error() => return Err(End::Refused),
            // Whoever came in stays while nobody can be asked: what would be told then comes from the same database.
            Err(problem) => tracing::debug!(code = problem.code(), "a client cannot be checked"),
        }
        self.warn().await?;
        if Instant::now() >= self.next_ping {
            if self.awaits_pong {
                return Err(End::NoPong);
            }
            self.awaits_pong = true;
            self.next_ping = Instant::now() + self.room.0.config.heartbeat;
            self.write(Message::Ping(axum::body::Bytes::new())).await?;
        }
        Ok(())
    }

    /// Says once that the token ends soon.
    async fn warn(&mut self) -> Result<(), End> {
        let Some(end) = self.who.expires_at().filter(|_| !self.is_warned) else {
            return Ok(());
        };
        let left = end.duration_since(self.room.0.host.clock.now());
        if Duration::try_from(left).is_ok_and(|left| left > self.room.0.config.expiry_warning) {
            return Ok(());
        }
        self.is_warned = true;
        self.send(wire::auth_expiring(end)).await
    }

    async fn hear(&mut self, heard: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let limit = self.room.0.config.max_message.as_u64();
        match heard {
            None | Some(Ok(Message::Close(_))) => Err(End::Gone),
            Some(Err(error)) => Err(broken(&error)),
            Some(Ok(Message::Pong(_))) => {
                self.awaits_pong = false;
                Ok(())
            }
            // The library answers by itself.
            Some(Ok(Message::Ping(_))) => Ok(()),
            Some(Ok(Message::Text(text))) if text.len() as u64 > limit => Err(End::TooLarge),
            Some(Ok(Message::Binary(bytes))) if bytes.len() as u64 > limit => Err(End::TooLarge),
            Some(Ok(Message::Text(text))) => {
                self.room.0.meter.received();
                match Said::read(&text) {
                    Ok(said) => {
                        self.bad = 0;
                        self.heed(said).await
                    }
                    Err(bad) => self.count_bad(&bad).await,
                }
            }
            Some(Ok(Message::Binary(_))) => {
                self.room.0.meter.received();
                let text = "this connection speaks JSON in text frames".to_owned();
                self.count_bad(&Bad::new(text)).await
            }
        }
    }

    async fn heed(&mut self, said: Said) -> Result<(), End> {
        match said {
            Said::Ping => self.send(wire::pong()).await,
            Said::Auth(token) => {
                let patience = Deadline::after(self.room.0.config.auth_timeout);
                let who = Identity::of(&self.exchange, &token, patience).await;
                let same = who.filter(|who| self.who.is_same(&who.principal));
                self.who = same.ok_or(End::Refused)?;
                self.drop_topics();
                self.welcome().await
            }
            Said::Request(request) => {
                match self.room.0.table.subscribing {
                    Some((id, _)) if id == request.pkg_id => self.change_topics(request, true),
                    Some((_, id)) if id == request.pkg_id => self.change_topics(request, false),
                    _ => self.begin(request),
                }
                Ok(())
            }
        }
    }

    /// Answers what is no message; closes when there are too many of them.
    async fn count_bad(&mut self, bad: &Bad) -> Result<(), End> {
        let error = FieldError::new("", "malformed", bad.text.clone());
        let data = self.room.0.table.words_for(&Problem::fields(vec![error]));
        let text = wire::refusal(bad.pkg_id, bad.req_id, Status::InvalidData, &data);
        self.send(text).await?;
        self.bad += 1;
        if self.bad >= self.room.0.config.max_bad_messages {
            return Err(End::BadMessages);
        }
        Ok(())
    }

    fn scope(&self) -> Scope {
        Scope::new(
            self.who.tenant,
            Arc::clone(&self.who.principal),
            Deadline::after(self.room.0.config.deadline),
            Arc::new(Ledger::default()),
        )
    }

    /// Does what is asked in a task of its own.
    fn begin(&mut self, request: Request) {
        let (scope, room, outbox) = (self.scope(), self.room.clone(), Arc::clone(&self.outbox));
        let Request {
            pkg_id,
            req_id,
            data,
        } = request;
        let span = tracing::info_span!("ws.message", pkg_id, %req_id);
        let work = async move {
            let outcome = room.0.table.answer(pkg_id, data, scope).await;
            outbox.put(rendered(&room, pkg_id, req_id, outcome));
        };
        let work = self.room.0.host.tracker.track_future(work.instrument(span));
        self.in_flight.spawn(work);
    }

    /// Takes topics in or leaves them: all that are named, or none.
    fn change_topics(&mut self, request: Request, is_in: bool) {
        let (pkg_id, req_id) = (request.pkg_id, request.req_id);
        let outcome = self.topics_named(request, is_in).and_then(|named| {
            for topic in named.topics {
                let registry = &self.room.0.registry;
                if is_in {
                    registry.add(self.who.tenant, &topic, self.id, &self.outbox);
                    self.topics.insert(topic);
                } else if self.topics.remove(&topic) {
                    registry.remove(self.who.tenant, &topic, self.id);
                }
            }
            Reply::new(&json!({"topics": self.topics}))
        });
        self.outbox
            .put(rendered(&self.room, pkg_id, req_id, outcome));
    }

    fn topics_named(&self, request: Request, is_in: bool) -> Result<Topics, Problem> {
        let named: Topics = from_value(Value::Object(request.data))?;
        if is_in {
            let scope = self.scope();
            for topic in &named.topics {
                self.room.0.table.admit(&scope, topic)?;
            }
            let new = named.topics.iter().filter(|t| !self.topics.contains(*t));
            if self.topics.len() + new.count() > MOST_TOPICS {
                let text = format!("a connection may listen to {MOST_TOPICS} topics");
                let error = FieldError::new("topics", "too_many", text);
                return Err(Problem::fields(vec![error]));
            }
        }
        Ok(named)
    }

    /// Leaves the topics that the client may not hear of any more.
    fn drop_topics(&mut self) {
        let (scope, room) = (self.scope(), self.room.clone());
        self.topics.retain(|topic| {
            let may = room.0.table.admit(&scope, topic).is_ok();
            if !may {
                let registry = &room.0.registry;
                registry.remove(scope.tenant(), topic, self.id);
            }
            may
        });
    }
}

/// The text of an answer; what went wrong on our side is logged here, once.
fn rendered(room: &Room, pkg_id: i32, req_id: Uuid, outcome: Result<Reply, Problem>) -> Utf8Bytes {
    match outcome {
        Ok(reply) => wire::answer(pkg_id, req_id, &reply),
        Err(problem) => {
            if problem.status().is_server_error() {
                let (code, chain) = (problem.code(), problem.chain());
                tracing::error!(code, chain, "a message failed");
            }
            let data = room.0.table.words_for(&problem);
            wire::refusal(pkg_id, req_id, Status::of(&problem), &data)
        }
    }
}
