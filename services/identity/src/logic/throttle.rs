//! Whether a guess may be made.

use std::net::IpAddr;
use std::time::Duration;

use brisk_core::{Ids, TenantId};
use brisk_db::Session;
use jiff::Timestamp;

use crate::error::Error;
use crate::ids::UserId;
use crate::model::throttle::{Rule, Scope, account, key};
use crate::store::throttle::{CounterRow, SETTLE, Throttle, Try};

/// What a try at a password is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess<'a> {
    pub(crate) email: &'a str,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) ip: Option<IpAddr>,
    /// The device, where it has signed in to this account before.
    pub(crate) device: Option<&'a str>,
}

/// The key of a network address: all of an IPv4 one, the first 64 bits of an IPv6 one.
fn network(ip: Option<IpAddr>) -> [u8; 32] {
    match ip {
        None => key(&[b"?"]),
        Some(IpAddr::V4(ip)) => key(&[&ip.octets()]),
        Some(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => key(&[&ip.octets()]),
            None => key(&[&ip.octets()[..8]]),
        },
    }
}

/// Counts a try before the password is looked at. A known device has a count of its own, so that nobody else can lock it out.
///
/// # Errors
///
/// [`Error::TooManyAttempts`] while the account, the address or the network address is locked.
pub(crate) async fn reserve(
    session: &Session,
    ids: &Ids,
    guess: Guess<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let id = ids.uuid();
    let own = account(guess.tenant, guess.email);
    let (scope, own) = match guess.device {
        Some(device) => (Scope::Device, key(&[&own, device.as_bytes()])),
        None => (Scope::Account, own),
    };
    let throttle = Throttle(session);
    let rows = throttle.reserve(Try {
        scope,
        key: own,
        email_key: key(&[guess.email.as_bytes()]),
        ip_key: network(guess.ip),
        email: guess.email,
        tenant: guess.tenant,
        id,
        now,
    });
    let rows = rows.await?;
    let is_device = scope == Scope::Device;
    let locked = rows.iter().filter(|row| match row.scope {
        Scope::Ip => row.locked_until.is_some_and(|end| end > now),
        // Its own count is what holds a known device.
        Scope::Email if is_device => false,
        _ => row.last_try_id != id,
    });
    refuse(locked, now)
}

fn refuse<'a>(locked: impl Iterator<Item = &'a CounterRow>, now: Timestamp) -> Result<(), Error> {
    let wait = locked
        .map(|row| {
            let left = row.locked_until.unwrap_or(now).duration_since(now);
            Duration::try_from(left).unwrap_or_default()
        })
        .max();
    match wait {
        None => Ok(()),
        Some(wait) => Err(Error::TooManyAttempts {
            wait: wait.max(Duration::from_secs(1)),
        }),
    }
}

/// Counts a guess that was wrong for the network address that it came from.
pub(crate) async fn failed(
    session: &Session,
    ids: &Ids,
    ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), Error> {
    Throttle(session)
        .count(Scope::Ip, network(ip), ids.uuid(), now)
        .await?;
    Ok(())
}

/// What guesses at somebody's second factor are counted under.
pub(crate) fn code_key(tenant: TenantId, user: UserId) -> (Scope, [u8; 32]) {
    let tenant = tenant.get().to_be_bytes();
    (Scope::Mfa, key(&[&tenant, user.0.as_bytes()]))
}

/// Counts a guess at somebody's second factor before the code is looked at.
///
/// # Errors
///
/// [`Error::TooManyAttempts`] while there were too many.
pub(crate) async fn reserve_code(
    session: &Session,
    ids: &Ids,
    user: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    let (scope, key) = code_key(session.tenant(), user);
    let id = ids.uuid();
    let rows = Throttle(session).count(scope, key, id, now).await?;
    refuse(rows.iter().filter(|row| row.last_try_id != id), now)
}

/// Counts a mail to an address before it is sent; whether it may be. Mails about other things have counts of their own.
pub(crate) async fn may_write_to(
    session: &Session,
    ids: &Ids,
    email_norm: &str,
    about: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let (id, key) = (ids.uuid(), key(&[about.as_bytes(), email_norm.as_bytes()]));
    let rows = Throttle(session).count(Scope::Mail, key, id, now).await?;
    Ok(rows.iter().all(|row| row.last_try_id == id))
}

/// Counts somebody's wish that mails be sent, by where it comes from.
///
/// # Errors
///
/// [`Error::TooManyAttempts`] after `most` in an hour; 0 is no limit.
pub(crate) async fn mails_from(
    session: &Session,
    ids: &Ids,
    ip: Option<IpAddr>,
    most: u32,
    now: Timestamp,
) -> Result<(), Error> {
    if most == 0 {
        return Ok(());
    }
    let rule = Rule {
        most: i64::from(most),
        ..Scope::Mail.rule()
    };
    let (id, key) = (ids.uuid(), key(&[b"from", &network(ip)]));
    let throttle = Throttle(session);
    let rows = throttle.count_by(rule, Scope::Mail, key, id, now).await?;
    refuse(rows.iter().filter(|row| row.last_try_id != id), now)
}

/// Forgets the guesses at somebody's second factor.
pub(crate) async fn unlock_code(session: &Session, user: UserId) -> Result<(), Error> {
    let (scope, key) = code_key(session.tenant(), user);
    session.run(&SETTLE, (scope, key.to_vec())).await?;
    Ok(())
}

/// Forgets the guesses at the password of an account.
pub(crate) async fn unlock(session: &Session, email_norm: &str) -> Result<(), Error> {
    let own = account(Some(session.tenant()), email_norm);
    let email = key(&[email_norm.as_bytes()]);
    Throttle(session)
        .forget(own, account(None, email_norm), email)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_share_a_key() {
        let of = |text: &str| network(text.parse().ok());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
