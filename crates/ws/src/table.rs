//! The declared messages: number, name, right, payload, handler.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;

use brisk_core::{Class, FieldError, Scope};
use brisk_http::{Problem, RequirePermission as _, from_value};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::wire::Reply;

type Handle = Box<dyn Fn(Scope, Value) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync>;

/// Passes whoever may do this in the tenant of the scope.
pub type Permit = fn(&Scope, &'static str) -> Result<(), Problem>;

/// What the data of a refusal says, in the words of a contract.
pub type Words = fn(&Problem) -> Value;

/// A kind of message: its number, its name in logs, and what a client must be allowed to do.
pub type Kind = (i32, &'static str, &'static str);

struct Entry {
    name: &'static str,
    may: &'static str,
    handle: Handle,
}

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    name: &'static str,
    may: &'static str,
    is_family: bool,
}

impl Topic {
    /// One topic, and what a client must be allowed to do for it.
    pub const fn new(name: &'static str, may: &'static str) -> Self {
        Self {
            name,
            may,
            is_family: false,
        }
    }

    /// Topics `name:anything`.
    pub const fn family(name: &'static str, may: &'static str) -> Self {
        Self {
            name,
            may,
            is_family: true,
        }
    }

    fn is(&self, topic: &str) -> bool {
        match topic.split_once(':') {
            Some((family, member)) => self.is_family && family == self.name && !member.is_empty(),
            None => !self.is_family && topic == self.name,
        }
    }
}

/// The longest topic, in bytes.
const LONGEST_TOPIC: usize = 200;

/// All messages and topics of a room.
pub struct Table {
    permit: Permit,
    words: Words,
    entries: BTreeMap<i32, Entry>,
    topics: Vec<Topic>,
    /// The numbers of subscribing and of its end.
    pub(crate) subscribing: Option<(i32, i32)>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries.iter().map(|(id, entry)| (id, entry.name));
        f.debug_map().entries(names).finish()
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            permit: |scope, may| scope.permit(may),
            words: plain,
            entries: BTreeMap::new(),
            topics: Vec::new(),
            subscribing: None,
        }
    }
}

impl Table {
    /// Asks for rights in this way; without it, for permissions.
    #[must_use]
    pub fn permit(mut self, permit: Permit) -> Self {
        self.permit = permit;
        self
    }

    /// Refuses in these words; without it `{code, msg, details}` has the problem's own.
    #[must_use]
    pub fn words(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    /// Adds a message. Its payload's type says which fields there are; it should refuse unknown ones.
    ///
    /// # Panics
    ///
    /// When the number is taken: a mistake in the program, found at its start.
    #[must_use]
    pub fn on<P, F>(
        mut self,
        (id, name, may): Kind,
        handle: impl Fn(Scope, P) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        F: Future<Output = Result<Reply, Problem>> + Send + 'static,
    {
        let handle: Handle = Box::new(move |scope, data| match from_value(data) {
            Ok(payload) => handle(scope, payload).boxed(),
            Err(problem) => std::future::ready(Err(problem)).boxed(),
        });
        let before = self.entries.insert(id, Entry { name, may, handle });
        assert!(before.is_none(), "the message {id} is declared twice");
        self
    }

    /// Lets clients subscribe to these topics, by messages of these two numbers with `{"topics": [...]}`.
    #[must_use]
    pub fn topics(
        mut self,
        subscribe: i32,
        unsubscribe: i32,
        topics: impl IntoIterator<Item = Topic>,
    ) -> Self {
        self.subscribing = Some((subscribe, unsubscribe));
        self.topics = topics.into_iter().collect();
        self
    }

    /// Does what a message asks for; never panics.
    pub(crate) async fn answer(
        &self,
        pkg_id: i32,
        data: Map<String, Value>,
        scope: Scope,
    ) -> Result<Reply, Problem> {
        let Some(entry) = self.entries.get(&pkg_id) else {
            return Err(unknown(pkg_id));
        };
        (self.permit)(&scope, entry.may)?;
        let deadline = scope.deadline();
        let work = AssertUnwindSafe(async { (entry.handle)(scope, Value::Object(data)).await });
        let work = work.catch_unwind();
        let done = match deadline.instant() {
            Some(end) => tokio::time::timeout_at(end.into(), work).await,
            None => Ok(work.await),
        };
        match done {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => Err(Problem::new(
                Class::Internal,
                "internal",
                "something went wrong on our side",
            )
            .because(format!("the handler of {} panicked", entry.name))),
            Err(_late) => Err(Problem::new(
                Class::Timeout,
                "timeout",
                "the answer took longer than allowed",
            )),
        }
    }

    /// Passes who may hear of this topic.
    pub(crate) fn admit(&self, scope: &Scope, topic: &str) -> Result<(), Problem> {
        let mut topics = self.topics.iter();
        let Some(known) = topics.find(|known| topic.len() <= LONGEST_TOPIC && known.is(topic))
        else {
            let text = format!("there is no topic {topic:.100}");
            let error = FieldError::new("topics", "unknown_topic", text);
            return Err(Problem::fields(vec![error]));
        };
        (self.permit)(scope, known.may)
    }

    /// What a refusal says.
    pub(crate) fn words_for(&self, problem: &Problem) -> Value {
        (self.words)(problem)
    }
}

fn unknown(pkg_id: i32) -> Problem {
    let text = format!("No handler found for pkg_id {pkg_id}");
    Problem::new(Class::NotFound, "unknown_message", text)
}

fn plain(problem: &Problem) -> Value {
    let errors = problem.errors();
    let details = (!errors.is_empty()).then(|| json!({"errors": errors}));
    json!({"code": problem.code(), "msg": problem.detail(), "details": details})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_told_from_families() {
        let one = Topic::new("authors", "authors:read");
        let many = Topic::family("messages", "messages:read");
        assert!(one.is("authors") && !one.is("authors:x") && !one.is("books"));
        assert!(many.is("messages:general") && !many.is("messages") && !many.is("messages:"));
    }
}
