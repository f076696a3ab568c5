//! What a service is.

use std::any::Any;
use std::process::ExitCode;

use brisk_config::{Section, Sections};
use brisk_db::{Declared, MigrationSet};
use clap::{ArgMatches, Command};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::{Built, Kit};

/// Any error, for the report at the end of a start or of a command.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One domain: its settings, tables, statements, routes, jobs and commands.
pub trait Service: Send + Sync + 'static {
    /// The section of the settings that carries the service's name.
    type Settings: Section + Send + Sync + 'static;

    /// The name in paths, settings, table names and commands: one lower-case word.
    fn name(&self) -> &'static str;

    /// Its tables, applied in order before the service is built.
    fn migrations(&self) -> Vec<MigrationSet>;

    /// Every statement, for the check that prepares them on the open database.
    fn statements(&self) -> Vec<&'static dyn Declared>;

    /// Makes routes, workers and checks; runs once, after the migrations.
    ///
    /// # Errors
    ///
    /// Whatever stops the program from starting with this service.
    fn build(
        &self,
        kit: &Kit,
        settings: Self::Settings,
    ) -> impl Future<Output = Result<Built, BoxError>> + Send;

    /// Fills an installation that has no tenant yet with something to look at.
    ///
    /// # Errors
    ///
    /// What stopped it; the program starts nevertheless and says so.
    fn demo(&self, kit: &Kit) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = kit;
        std::future::ready(Ok(()))
    }

    /// The service's own commands, as `brisk <name> ...`; the command's name is set to the service's.
    fn command(&self) -> Option<Command> {
        None
    }

    /// Runs one of the commands. A server may run beside it on the same database.
    ///
    /// # Errors
    ///
    /// What the person at the terminal should read.
    fn run_command(
        &self,
        kit: &Kit,
        settings: Self::Settings,
        matches: &ArgMatches,
    ) -> impl Future<Output = Result<ExitCode, BoxError>> + Send {
        let _ = (kit, settings, matches);
        std::future::ready(Err("this service has no commands".into()))
    }
}

pub(crate) type AnySettings = Box<dyn Any + Send + Sync>;

/// [`Service`] as an object.
pub(crate) trait AnyService: Send + Sync {
    fn name(&self) -> &'static str;
    fn migrations(&self) -> Vec<MigrationSet>;
    fn statements(&self) -> Vec<&'static dyn Declared>;
    fn command(&self) -> Option<Command>;
    fn take(&self, sections: &mut Sections) -> AnySettings;
    fn build<'a>(
        &'a self,
        kit: &'a Kit,
        settings: AnySettings,
    ) -> BoxFuture<'a, Result<Built, BoxError>>;
    fn demo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<(), BoxError>>;
    fn run_command<'a>(
        &'a self,
        kit: &'a Kit,
        settings: AnySettings,
        matches: &'a ArgMatches,
    ) -> BoxFuture<'a, Result<ExitCode, BoxError>>;
}

fn own<T: 'static>(settings: AnySettings) -> T {
    *settings
        .downcast()
        .expect("a service is given the settings that it took itself")
}

impl<S: Service> AnyService for S {
    fn name(&self) -> &'static str {
        Service::name(self)
    }

    fn migrations(&self) -> Vec<MigrationSet> {
        Service::migrations(self)
    }

    fn statements(&self) -> Vec<&'static dyn Declared> {
        Service::statements(self)
    }

    fn command(&self) -> Option<Command> {
        Some(Service::command(self)?.name(Service::name(self)))
    }

    fn take(&self, sections: &mut Sections) -> AnySettings {
        Box::new(sections.take::<S::Settings>(Service::name(self)))
    }

    fn build<'a>(
        &'a self,
        kit: &'a Kit,
        settings: AnySettings,
    ) -> BoxFuture<'a, Result<Built, BoxError>> {
        Service::build(self, kit, own(settings)).boxed()
    }

    fn demo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<(), BoxError>> {
        Service::demo(self, kit).boxed()
    }

    fn run_command<'a>(
        &'a self,
        kit: &'a Kit,
        settings: AnySettings,
        matches: &'a ArgMatches,
    ) -> BoxFuture<'a, Result<ExitCode, BoxError>> {
        Service::run_command(self, kit, own(settings), matches).boxed()
    }
}
