//! Row security: the server itself keeps tenants apart, as a second wall behind the conditions of our statements.
//!
//! Each transaction says whose rows it is for, in [`SETTING`], and the server shows and takes no others, whatever the
//! statement says. The price: a statement needs a transaction and a connection to itself, and rows are copied in by no `COPY`,
//! which the server refuses on such tables.

use brisk_core::TenantId;
use tokio_postgres::Client;

use crate::error::Error;

/// The setting that says whose rows are shown: a tenant's number, or [`ALL`].
const SETTING: &str = "brisk.tenant_id";

/// Work that is for no tenant in particular, and asks for many.
const ALL: &str = "all";

/// The policy on each table. Outside a transaction of ours the setting is empty, and nothing is shown.
const POLICY: &str = "brisk_tenant";

/// Tables of the change stream are read by no tenant.
const OF_THE_STREAM: &str = "brisk_outbox%";

/// What a transaction for `tenant` says first.
pub(super) fn within(tenant: TenantId) -> String {
    if tenant == TenantId::PLATFORM {
        format!("; SET LOCAL {SETTING} = '{ALL}'")
    } else {
        format!("; SET LOCAL {SETTING} = '{}'", tenant.get())
    }
}

/// Lets a connection work on the rows of all tenants until [`leave`].
pub(crate) async fn enter(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(&format!("SET {SETTING} = '{ALL}'"))
        .await
}

/// Ends that.
pub(crate) async fn leave(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(&format!("RESET {SETTING}")).await
}

/// Puts the wall around each table that has a `tenant_id`, its owner included, or takes it away everywhere. It is one decision
/// for all nodes of a database: the one that migrates last decides.
///
/// # Errors
///
/// [`Error::Address`] for a role that the server shows everything: a superuser, or one with `BYPASSRLS`.
pub(crate) async fn migrated(client: &Client, is_on: bool) -> Result<(), Error> {
    const NAME: &str = "db.row_security";
    let fail = |e| super::error(NAME, e);
    if is_on {
        let role = client
            .query_one(
                "SELECT rolname::text, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
                &[],
            )
            .await
            .map_err(fail)?;
        let (name, sees_all): (String, bool) = (role.get(0), role.get(1));
        if sees_all {
            return Err(Error::Address(format!(
                "database.row_security keeps nothing from the role {name}: it needs one that is no superuser and has no BYPASSRLS"
            )));
        }
    }
    // What stands already is left alone: altering a table waits for all who read it.
    let change = if is_on {
        format!(
            "EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t.name);
             EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t.name);
             EXECUTE format('CREATE POLICY {POLICY} ON %I USING (CASE current_setting(''{SETTING}'', true)
               WHEN ''{ALL}'' THEN true WHEN '''' THEN false
               ELSE tenant_id = current_setting(''{SETTING}'', true)::bigint END)', t.name);"
        )
    } else {
        format!(
            "EXECUTE format('DROP POLICY {POLICY} ON %I', t.name);
             EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', t.name);
             EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', t.name);"
        )
    };
    let missing = if is_on { "NOT" } else { "" };
    let text = format!(
        "DO $wall$ DECLARE t record; BEGIN
           FOR t IN SELECT c.relname AS name FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
               AND c.relname NOT LIKE '{OF_THE_STREAM}'
               AND {missing} EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = '{POLICY}')
           LOOP {change} END LOOP;
         END $wall$"
    );
    client.batch_execute(&text).await.map_err(fail)
}
