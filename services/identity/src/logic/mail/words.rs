//! What each mail says.

use super::errand::Errand;
use crate::mail::{Letter, Link, shown};
use crate::store::addressee::AddresseeRow;

/// What is said where nothing needs to be done.
const IGNORE: &str = "If it was not you, you need not do anything; nothing has changed.";

/// A tenant's name, and its name in addresses where the other one cannot be shown.
fn workspace(who: &AddresseeRow) -> String {
    shown(&who.tenant_name).unwrap_or_else(|| who.tenant_slug.clone())
}

/// The letter of an errand to the first of `people`, with a link for each of them where there are links.
pub(super) fn letter(errand: &Errand, people: &[AddresseeRow], urls: &[String]) -> Letter {
    let at = |label: &str| -> Vec<Link> {
        let label = |who: &AddresseeRow| {
            if people.len() > 1 {
                format!("{label} in {} ({})", workspace(who), who.tenant_slug)
            } else {
                label.to_owned()
            }
        };
        let links = people.iter().zip(urls);
        links
            .map(|(who, url)| Link {
                label: label(who),
                url: url.clone(),
            })
            .collect()
    };
    let first = people.first();
    let name = first.and_then(|who| shown(&who.full_name));
    let home = first.map_or_else(String::new, workspace);
    let letter = |subject: &str, lines: &[&str], links, closing: &str| Letter {
        subject: subject.to_owned(),
        name: name.clone(),
        lines: lines.iter().map(|&line| line.to_owned()).collect(),
        links,
        closing: closing.to_owned(),
    };
    match errand {
        Errand::PasswordForgotten { .. } => letter(
            "Set a new password",
            &[
                "Somebody asked for a new password for your account. The link works once, for 30 minutes; \
               it ends all sessions that you have.",
            ],
            at("Set a new password"),
            IGNORE,
        ),
        Errand::Proof { .. } | Errand::ProofWanted { .. } => letter(
            "Confirm your e-mail address",
            &["Please confirm that this address is yours. The link works for 24 hours."],
            at("Confirm the address"),
            "If you did not sign up, you need not do anything.",
        ),
        Errand::Invitation { .. } => letter(
            &format!("You are invited to {home}"),
            &[&format!(
                "You are invited to {home}. Choose a password to come in. The link works once, for 7 days."
            )],
            at("Accept the invitation"),
            "If you do not know who invites you, you need not do anything.",
        ),
        Errand::NewAddress { .. } => letter(
            "Confirm your new e-mail address",
            &[
                "Somebody asked that this be the address of an account from now on. The link works once, for 24 hours.",
            ],
            at("Use this address"),
            IGNORE,
        ),
        Errand::AddressLeft { .. } => letter(
            "Your e-mail address is about to change",
            &[&format!(
                "Somebody who knows your password asked for another e-mail address for your account in {home}. \
                 It changes once the new address is confirmed."
            )],
            Vec::new(),
            "If it was not you, change your password now and tell those who run your workspace.",
        ),
        Errand::SessionStolen { .. } => letter(
            "A session of yours was ended",
            &[&format!(
                "A token of one of your sessions in {home} was used a second time, as a copy of it would be. \
                 We have ended that session; please sign in again."
            )],
            Vec::new(),
            "If you have signed in on somebody else's machine, change your password.",
        ),
        Errand::TenantsForgotten { .. } => {
            let workspaces = people
                .iter()
                .map(|who| format!("{} ({})", workspace(who), who.tenant_slug));
            let intro = "These are the workspaces that this address belongs to:".to_owned();
            Letter {
                subject: "Your workspaces".to_owned(),
                name,
                lines: std::iter::once(intro).chain(workspaces).collect(),
                links: Vec::new(),
                closing: "If you did not ask for this, you need not do anything.".to_owned(),
            }
        }
    }
}
