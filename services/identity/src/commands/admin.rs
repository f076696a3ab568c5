//! `brisk identity admin`: owners from the terminal, for whoever has the database.

use std::io::BufRead as _;
use std::process::ExitCode;

use brisk::BoxError;
use brisk::clap::{Arg, ArgAction, ArgMatches, Command};
use brisk_core::Scope;
use brisk_db::Session;

use crate::commands::say;
use crate::error::Error;
use crate::logic::bootstrap::{self, Staff};
use crate::logic::{me, tenant, throttle};
use crate::model::audit::{Actor, Device, Entry};
use crate::model::email::Email;
use crate::model::secret::Secret;
use crate::model::session::RevokeReason;
use crate::state::IdentityState;
use crate::store::session::Sessions;
use crate::store::system::AllTenants;
use crate::store::totp::SecondFactors;
use crate::store::user::Users;

pub(super) const NAME: &str = "admin";

fn email() -> Arg {
    Arg::new("email")
        .long("email")
        .required(true)
        .value_name("ADDRESS")
}

fn tenant_arg() -> Arg {
    Arg::new("tenant")
        .long("tenant")
        .value_name("SLUG")
        .help("The tenant, by slug or number [default: those who run the installation]")
}

fn password_stdin() -> Arg {
    Arg::new("password-stdin")
        .long("password-stdin")
        .action(ArgAction::SetTrue)
        .help("Read the password from standard input; else one is made and printed once")
}

pub(super) fn command() -> Command {
    Command::new(NAME)
        .about("Owners of tenants")
        .subcommand_required(true)
        .subcommand(
            Command::new("create")
                .about("Make an owner who may do everything in the tenant")
                .arg(email().help("Whom to make"))
                .arg(
                    Arg::new("name")
                        .long("name")
                        .value_name("NAME")
                        .help("What people call it"),
                )
                .arg(tenant_arg())
                .arg(password_stdin()),
        )
        .subcommand(
            Command::new("reset")
                .about("Give somebody another password and end all its sessions")
                .arg(email().help("Whose password"))
                .arg(tenant_arg())
                .arg(password_stdin()),
        )
}

pub(super) async fn run(state: &IdentityState, of: &ArgMatches) -> Result<ExitCode, BoxError> {
    let (name, matches) = of.subcommand().ok_or("say create or reset")?;
    let text = matches
        .get_one::<String>("email")
        .map(String::as_str)
        .unwrap_or_default();
    let email = Email::parse(text).ok_or("the e-mail address is none")?;
    let platform = state.db.session(Scope::platform("identity admin"));
    let tenant = match matches.get_one::<String>("tenant") {
        Some(name) => tenant::named(state, name).await?.map(|tenant| tenant.id),
        None => AllTenants(&platform).system_tenant().await?,
    };
    let tenant_id = tenant.ok_or("there is no such tenant")?;
    let own = tenant::rules(state, tenant_id).await?;
    let session = platform.for_tenant(tenant_id);
    let (password, is_made) = password(matches.get_flag("password-stdin"))?;
    me::check_password(state, &own, "password", &password, &[&email.norm])
        .map_err(|error| told(&error))?;
    let hash = state.passwords.hash(&password).await?;
    match name {
        "create" => {
            let name = matches.get_one::<String>("name");
            let staff = Staff {
                full_name: name.map_or_else(|| email.local().to_owned(), Clone::clone),
                email,
                password_hash: hash,
                how: "command",
                device: Device::default(),
            };
            let made = session.transaction(async |session: Session| {
                bootstrap::add(state, &session, &staff).await
            });
            let user = made.await?;
            say(&format!(
                "{} is an owner of tenant {}.",
                user.email, user.tenant_id
            ));
        }
        _ => reset(state, &session, &email, hash).await?,
    }
    if is_made {
        say(&format!("Its password, shown this once:\n{password}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn reset(
    state: &IdentityState,
    session: &Session,
    email: &Email,
    hash: String,
) -> Result<(), BoxError> {
    let now = state.clock.now();
    let found = AllTenants(session)
        .candidates(&email.norm, Some(session.tenant()), now)
        .await?;
    let user = found
        .first()
        .ok_or("nobody in the tenant has this address")?
        .id;
    session
        .transaction(async |session: Session| {
            let users = Users(&session);
            users.set_password(user, hash.clone(), true, now).await?;
            let reason = RevokeReason::PasswordChange;
            Sessions(&session)
                .revoke_all(user, None, reason, now)
                .await?;
            throttle::unlock(&session, &email.norm).await?;
            throttle::unlock_code(&session, user).await?;
            // Whoever breaks the glass has lost more than the password.
            SecondFactors(&session).delete(user).await?;
            let entry = Entry::new(
                "admin.reset",
                session.tenant(),
                Actor::default(),
                Device::default(),
            );
            state
                .audit
                .with(&session, entry.on("user", user).secret("password"))
                .await?;
            Ok::<_, Error>(())
        })
        .await?;
    say(&format!(
        "{} has another password and no second factor; all its sessions have ended.",
        email.typed
    ));
    Ok(())
}

/// The password, and whether it was made here.
fn password(is_on_stdin: bool) -> Result<(String, bool), BoxError> {
    if !is_on_stdin {
        return Ok((Secret::random("")?.expose()[..24].to_owned(), true));
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false))
}

/// What is wrong with a password, in words.
fn told(error: &Error) -> BoxError {
    match error {
        Error::WeakPassword(fields) => {
            let all: Vec<_> = fields.iter().map(|field| field.message.as_ref()).collect();
            format!("the password {}", all.join(", and ")).into()
        }
        other => other.to_string().into(),
    }
}
