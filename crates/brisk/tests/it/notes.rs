use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use brisk::auth::{NewTenant, TenantKind};
use brisk::prelude::*;
use serde::{Deserialize, Serialize};

/// Notes of a tenant: one table, a list, a way to add.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) log: Arc<Log>,
}

/// What happened to the service.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) demos: AtomicUsize,
    pub(crate) task_ended: AtomicBool,
    pub(crate) hook_ran: AtomicBool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NotesSettings {
    longest: usize,
}

impl Default for NotesSettings {
    fn default() -> Self {
        Self { longest: 100 }
    }
}

impl Section for NotesSettings {
    fn check(&self, problems: &mut Problems) {
        if self.longest == 0 {
            problems.add("longest", "must be at least 1");
        }
    }
}

#[derive(Debug, FromRow, Serialize, ToSchema)]
struct Note {
    id: i64,
    text: String,
}

#[derive(Debug, Deserialize, ToSchema)]
struct NewNote {
    text: String,
}

brisk::db::statements! {
    prefix "notes.note";

    /// The notes of a tenant, newest first.
    LIST(tenant: TenantId) -> Vec<Note>
        = "SELECT id, text FROM notes_notes WHERE tenant_id = $1 ORDER BY id DESC LIMIT 100";

    /// Adds a note.
    INSERT(tenant: TenantId, text: String) -> One<i64>
        = "INSERT INTO notes_notes (tenant_id, text) VALUES ($1, $2) RETURNING id";
}

const MIGRATIONS: MigrationSet = MigrationSet {
    name: "notes",
    history: "notes_migrations",
    postgres: &[(
        "V1__notes",
        "CREATE TABLE notes_notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         tenant_id bigint NOT NULL REFERENCES brisk_tenants (id), text text NOT NULL)",
    )],
    sqlite: &[(
        "V1__notes",
        "CREATE TABLE notes_notes (id INTEGER PRIMARY KEY, \
         tenant_id INTEGER NOT NULL REFERENCES brisk_tenants (id), text TEXT NOT NULL) STRICT",
    )],
};

#[derive(Clone)]
struct State {
    db: Db,
    longest: usize,
}

type Shared = brisk::axum::extract::State<State>;

#[utoipa::path(get, path = "/v1/notes", responses((status = 200, body = Vec<Note>)))]
async fn list(scope: TenantScope, state: Shared) -> Result<Json<Vec<Note>>, Problem> {
    scope.require(Role::Reporter)?;
    let session = state.db.session(scope.0);
    Ok(Json(session.run(&LIST, (session.tenant(),)).await?))
}

#[utoipa::path(post, path = "/v1/notes", request_body = NewNote, responses((status = 200, body = i64)))]
async fn add(scope: TenantScope, state: Shared, new: Json<NewNote>) -> Result<Json<i64>, Problem> {
    scope.require(Role::Agent)?;
    if new.0.text.len() > state.longest {
        let error = FieldError::new("text", "too_long", "is too long");
        return Err(Problem::fields(vec![error]));
    }
    let session = state.db.session(scope.0);
    let params = (session.tenant(), new.0.text);
    Ok(Json(session.run(&INSERT, params).await?))
}

impl Service for Notes {
    type Settings = NotesSettings;

    fn name(&self) -> &'static str {
        "notes"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        vec![MIGRATIONS]
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        STATEMENTS.to_vec()
    }

    async fn build(&self, kit: &Kit, settings: NotesSettings) -> Result<Built, BoxError> {
        let state = State {
            db: kit.db.clone(),
            longest: settings.longest,
        };
        let api = OpenApiRouter::new()
            .routes(routes!(list, add))
            .with_state(state);
        let (task_log, hook_log) = (Arc::clone(&self.log), Arc::clone(&self.log));
        let db = kit.db.clone();
        Ok(Built::new(api)
            .task(Task::new("notes", move |stop| {
                let log = Arc::clone(&task_log);
                async move {
                    stop.cancelled().await;
                    log.task_ended.store(true, Ordering::SeqCst);
                }
            }))
            .on_shutdown(move || async move {
                // The database is still open here.
                let session = db.session(Scope::system(TenantId(1), "test"));
                let open = session.run(&LIST, (TenantId(1),)).await.is_ok();
                hook_log.hook_ran.store(open, Ordering::SeqCst);
            }))
    }

    async fn demo(&self, kit: &Kit) -> Result<(), BoxError> {
        self.log.demos.fetch_add(1, Ordering::SeqCst);
        let session = kit.platform("demo");
        let new = NewTenant::new("demo", "Demo", TenantKind::City);
        let tenant = kit.tenants_in(&session).insert(new, &kit.clock).await?;
        let params = (tenant.id, "hello".to_owned());
        session.for_tenant(tenant.id).run(&INSERT, params).await?;
        Ok(())
    }

    fn command(&self) -> Option<brisk::clap::Command> {
        let count = brisk::clap::Command::new("count");
        Some(brisk::clap::Command::new("notes").subcommand(count))
    }

    async fn run_command(
        &self,
        kit: &Kit,
        _: NotesSettings,
        matches: &brisk::clap::ArgMatches,
    ) -> Result<ExitCode, BoxError> {
        assert_eq!(matches.subcommand_name(), Some("count"));
        let session = kit.session(TenantId(1), "count");
        let notes = session.run(&LIST, (TenantId(1),)).await?;
        Ok(ExitCode::from(u8::try_from(notes.len())?))
    }
}

/// A second service, so that none is alone.
pub(crate) struct Other;

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct NoSettings {}

impl Section for NoSettings {}

impl Service for Other {
    type Settings = NoSettings;

    fn name(&self) -> &'static str {
        "other"
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        Vec::new()
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        Vec::new()
    }

    async fn build(&self, _: &Kit, _: NoSettings) -> Result<Built, BoxError> {
        Ok(Built::default())
    }
}
