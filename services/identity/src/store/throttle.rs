//! Counters of guesses.
//!
//! A try is counted before the password is looked at, and a success takes nothing back: it shows as the user's last sign-in,
//! and the next try begins to count anew where that is later than the try before it. So a hundred guesses at once are a
//! hundred, and a sign-in costs one statement here.

use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::session::later;
use crate::model::throttle::{Rule, Scope};

/// A counter after a try.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct CounterRow {
    pub(crate) scope: Scope,
    pub(crate) locked_until: Option<Timestamp>,
    /// Of the last try that was counted: another one than ours means that ours was locked out.
    pub(crate) last_try_id: Uuid,
}

/// What a try at a password is counted under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try<'a> {
    /// [`Scope::Account`], or [`Scope::Device`] for a device that is known.
    pub(crate) scope: Scope,
    pub(crate) key: [u8; 32],
    pub(crate) email_key: [u8; 32],
    pub(crate) ip_key: [u8; 32],
    pub(crate) email: &'a str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) id: Uuid,
    pub(crate) now: Timestamp,
}

statements! {
    prefix "identity.throttle";

    /// Counts a try at a password for the account (or the device) and the address, and looks whether the network address is
    /// locked, which counts failures only. Parameters 11 to 16 are the ends of the locks after so many failures and one more each.
    pub(crate) RESERVE(
        scope: Scope, key: Vec<u8>, email_key: Vec<u8>, ip_key: Vec<u8>, now: Timestamp, id: Uuid, email: String,
        tenant: Option<TenantId>, window: Timestamp, most: i64, first: Timestamp, second: Timestamp, third: Timestamp,
        fourth: Timestamp, fifth: Timestamp, longest: Timestamp, most_of_email: i64, ip_window: Timestamp,
    ) -> Vec<CounterRow>
        = "INSERT INTO identity_login_throttle (scope, key_hash, failures, window_started_at, last_try_at, last_try_id)
           VALUES ($1, $2, 1, $5, $5, $6), ('email', $3, 1, $5, $5, $6), ('ip', $4, 0, $5, $5, $6)
           ON CONFLICT (scope, key_hash) DO UPDATE SET
             failures = CASE
               WHEN identity_login_throttle.scope = 'ip' THEN CASE
                 WHEN identity_login_throttle.last_try_at < $18 THEN 0 ELSE identity_login_throttle.failures END
               WHEN identity_login_throttle.last_try_at < $9 OR identity_login_throttle.last_try_at < (
                 SELECT max(u.last_login_at) FROM identity_users u WHERE u.email_norm = $7 AND u.deleted_at IS NULL
                   AND (CAST($8 AS bigint) IS NULL OR u.tenant_id = $8 OR identity_login_throttle.scope = 'email')) THEN 1
               WHEN identity_login_throttle.locked_until > $5 THEN identity_login_throttle.failures
               ELSE identity_login_throttle.failures + 1 END,
             locked_until = CASE
               WHEN identity_login_throttle.scope = 'ip' THEN identity_login_throttle.locked_until
               WHEN identity_login_throttle.last_try_at < $9 OR identity_login_throttle.last_try_at < (
                 SELECT max(u.last_login_at) FROM identity_users u WHERE u.email_norm = $7 AND u.deleted_at IS NULL
                   AND (CAST($8 AS bigint) IS NULL OR u.tenant_id = $8 OR identity_login_throttle.scope = 'email')) THEN NULL
               WHEN identity_login_throttle.locked_until > $5 THEN identity_login_throttle.locked_until
               WHEN identity_login_throttle.scope = 'email' THEN
                 CASE WHEN identity_login_throttle.failures + 1 >= $17 THEN CAST($16 AS timestamptz) END
               ELSE CASE identity_login_throttle.failures + 1 - $10 WHEN 0 THEN CAST($11 AS timestamptz) WHEN 1 THEN CAST($12 AS timestamptz) WHEN 2 THEN CAST($13 AS timestamptz)
                 WHEN 3 THEN CAST($14 AS timestamptz) WHEN 4 THEN CAST($15 AS timestamptz)
                 ELSE CASE WHEN identity_login_throttle.failures + 1 > $10 THEN CAST($16 AS timestamptz) END END END,
             last_try_id = CASE
               WHEN identity_login_throttle.scope <> 'ip' AND (identity_login_throttle.last_try_at < $9
                 OR identity_login_throttle.last_try_at < (
                   SELECT max(u.last_login_at) FROM identity_users u WHERE u.email_norm = $7 AND u.deleted_at IS NULL
                     AND (CAST($8 AS bigint) IS NULL OR u.tenant_id = $8 OR identity_login_throttle.scope = 'email'))) THEN $6
               WHEN identity_login_throttle.locked_until > $5 THEN identity_login_throttle.last_try_id
               ELSE $6 END,
             last_try_at = CASE
               WHEN identity_login_throttle.scope <> 'ip' AND (identity_login_throttle.last_try_at < $9
                 OR identity_login_throttle.last_try_at < (
                   SELECT max(u.last_login_at) FROM identity_users u WHERE u.email_norm = $7 AND u.deleted_at IS NULL
                     AND (CAST($8 AS bigint) IS NULL OR u.tenant_id = $8 OR identity_login_throttle.scope = 'email'))) THEN $5
               WHEN identity_login_throttle.locked_until > $5 THEN identity_login_throttle.last_try_at
               ELSE $5 END
           RETURNING scope, locked_until, last_try_id";

    /// Counts one event under one key: a failure from a network address, a guess at a second factor, a mail.
    pub(crate) COUNT(
        scope: Scope, key: Vec<u8>, now: Timestamp, id: Uuid, window: Timestamp, most: i64, end: Timestamp,
    ) -> Vec<CounterRow>
        = "INSERT INTO identity_login_throttle (scope, key_hash, failures, window_started_at, last_try_at, last_try_id)
           VALUES ($1, $2, 1, $3, $3, $4)
           ON CONFLICT (scope, key_hash) DO UPDATE SET
             failures = CASE WHEN identity_login_throttle.window_started_at < $5 THEN 1
               WHEN identity_login_throttle.locked_until > $3 THEN identity_login_throttle.failures
               ELSE identity_login_throttle.failures + 1 END,
             locked_until = CASE WHEN identity_login_throttle.window_started_at < $5 THEN NULL
               WHEN identity_login_throttle.locked_until > $3 THEN identity_login_throttle.locked_until
               WHEN identity_login_throttle.failures + 1 >= $6 THEN CAST($7 AS timestamptz) END,
             last_try_id = CASE WHEN identity_login_throttle.window_started_at >= $5
               AND identity_login_throttle.locked_until > $3 THEN identity_login_throttle.last_try_id ELSE $4 END,
             last_try_at = $3,
             window_started_at = CASE WHEN identity_login_throttle.window_started_at < $5 THEN $3
               ELSE identity_login_throttle.window_started_at END
           RETURNING scope, locked_until, last_try_id";

    /// Forgets what was counted under one key.
    pub(crate) SETTLE(scope: Scope, key: Vec<u8>) -> Affected
        = "DELETE FROM identity_login_throttle WHERE scope = $1 AND key_hash = $2";

    /// Forgets what was counted for an account, by the two keys that it may have, and for its address.
    pub(crate) FORGET(key: Vec<u8>, nameless: Vec<u8>, email_key: Vec<u8>) -> Affected
        = "DELETE FROM identity_login_throttle
           WHERE (scope = 'account' AND (key_hash = $1 OR key_hash = $2)) OR (scope = 'email' AND key_hash = $3)";
}

/// The counters; their keys are hashes that contain the tenant where there is one.
pub(crate) struct Throttle<'a>(pub(crate) &'a Session);

impl Throttle<'_> {
    pub(crate) async fn reserve(&self, t: Try<'_>) -> Result<Vec<CounterRow>, Error> {
        let rule = t.scope.rule();
        let end = |more: i64| later(t.now, rule.lock(rule.most + more).unwrap_or_default());
        let params = (
            t.scope,
            t.key.to_vec(),
            t.email_key.to_vec(),
            t.ip_key.to_vec(),
            t.now,
            t.id,
            t.email.to_owned(),
            t.tenant,
            before(t.now, rule.window),
            rule.most,
            end(0),
            end(1),
            end(2),
            end(3),
            end(4),
            later(t.now, rule.longest_lock),
            Scope::Email.rule().most,
            before(t.now, Scope::Ip.rule().window),
        );
        self.0.run(&RESERVE, params).await
    }

    /// Whether the event may happen.
    pub(crate) async fn count(
        &self,
        scope: Scope,
        key: [u8; 32],
        id: Uuid,
        now: Timestamp,
    ) -> Result<Vec<CounterRow>, Error> {
        self.count_by(scope.rule(), scope, key, id, now).await
    }

    /// Whether the event may happen, by another rule than the scope's own.
    pub(crate) async fn count_by(
        &self,
        rule: Rule,
        scope: Scope,
        key: [u8; 32],
        id: Uuid,
        now: Timestamp,
    ) -> Result<Vec<CounterRow>, Error> {
        let params = (
            scope,
            key.to_vec(),
            now,
            id,
            before(now, rule.window),
            rule.most,
            later(now, rule.first_lock),
        );
        self.0.run(&COUNT, params).await
    }

    pub(crate) async fn forget(
        &self,
        account: [u8; 32],
        nameless: [u8; 32],
        email: [u8; 32],
    ) -> Result<u64, Error> {
        let params = (account.to_vec(), nameless.to_vec(), email.to_vec());
        self.0.run(&FORGET, params).await
    }
}

fn before(now: Timestamp, span: std::time::Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}
