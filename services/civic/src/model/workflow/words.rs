//! The words of the workflow: statuses, reasons and roles.

use serde::{Deserialize, Serialize};

/// Declares an enumeration whose words are used in JSON and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal $(| $alias:literal)?),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word $(, alias = $alias)?)] $variant),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word used in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of that exact word; `None` for any other text.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word $(| $alias)? => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where an issue stands.
    Status {
        /// Nobody has looked at it.
        Open = "open",
        /// Seen and taken note of.
        Acknowledged = "acknowledged",
        /// Being worked on; `in_progress` is accepted as input.
        InProgress = "in-progress" | "in_progress",
        /// Waiting for something outside of the crew's power.
        OnHold = "on-hold",
        /// Done, as far as the crew knows.
        Resolved = "resolved",
        /// Over.
        Closed = "closed",
    }
}

impl Status {
    /// Whether somebody still has to do something.
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed)
    }
}

words! {
    /// Why an issue was closed.
    CloseReason {
        /// The thing is repaired.
        Fixed = "fixed",
        /// Another issue is about the same thing.
        Duplicate = "duplicate",
        /// Looked at, nothing to do.
        NoAction = "no_action",
        /// Somebody else's task.
        NotResponsible = "not_responsible",
        /// Taken back.
        Cancelled = "cancelled",
        /// Not a real report.
        Invalid = "invalid",
        /// Put away, as with old imported cases.
        Archived = "archived",
    }
}

impl CloseReason {
    /// Whether an issue closed for this reason without ever being resolved leaves the compliance figures.
    pub const fn excludes(self) -> bool {
        matches!(
            self,
            Self::Duplicate | Self::NotResponsible | Self::Cancelled | Self::Invalid
        )
    }
}

words! {
    /// Why an issue waits.
    HoldReason {
        /// For an answer of the reporter.
        WaitingReporter = "waiting_reporter",
        /// For another organisation.
        WaitingThirdParty = "waiting_third_party",
        /// For better weather.
        Weather = "weather",
        /// For a date that is set.
        Scheduled = "scheduled",
    }
}

words! {
    /// Who acts.
    ActorRole {
        /// Somebody who reported this issue.
        Reporter = "reporter",
        /// Crew or front desk.
        Agent = "agent",
        /// Leads agents.
        Manager = "manager",
        /// Administers the tenant.
        Admin = "admin",
        /// Operates the platform.
        PlatformAdmin = "platform_admin",
        /// May only bring in data.
        Importer = "importer",
        /// May only read.
        Auditor = "auditor",
        /// A rule or timer of the service; for a reopening, a newly linked report.
        System = "system",
    }
}

impl ActorRole {
    /// Whether the role includes an agent's rights.
    pub const fn is_staff(self) -> bool {
        matches!(
            self,
            Self::Agent | Self::Manager | Self::Admin | Self::PlatformAdmin
        )
    }

    /// Whether the role includes a manager's rights.
    pub const fn is_manager(self) -> bool {
        matches!(self, Self::Manager | Self::Admin | Self::PlatformAdmin)
    }
}
