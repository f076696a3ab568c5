//! The settings of a tenant and their defaults.
//!
//! In JSON the dotted names are nested objects: `intake.anonymous` is `{"intake":{"anonymous":true}}`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::priority::PriorityWeights;
use crate::model::score::ScoreWeights;
use crate::model::sla::{ReopenMode, SlaDefaults};
use crate::model::workflow::{HoldReason, WorkflowRules};
use crate::model::{Category, TenantKind};

/// The longest description that can be allowed, in characters; source: Open311.
pub const MAX_DESCRIPTION: u32 = 4_000;

/// Everything a tenant can set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TenantConfig {
    /// How reports come in.
    pub intake: Intake,
    /// How many may come in.
    pub limits: Limits,
    /// The model that helps with classification.
    pub llm: Llm,
    /// The tenant's own words.
    pub classify: Classify,
    /// When two reports are about the same thing.
    pub dedup: Dedup,
    /// Windows of the workflow, in days.
    pub workflow: WorkflowRules,
    /// Promises.
    pub sla: Sla,
    /// How scores are made.
    pub score: ScoreWeights,
    /// How the work list is sorted.
    pub priority: PrioritySettings,
    /// What the public sees.
    pub public: Public,
    /// How long personal data is kept.
    pub privacy: Privacy,
    /// Who is told, and how.
    pub notify: Notify,
}

/// `intake.*`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intake {
    /// Whether callers without an account may submit.
    pub anonymous: bool,
    /// Longest description in characters, 10 to [`MAX_DESCRIPTION`].
    pub max_description: u32,
    /// Hosts from which media URLs are accepted; none means no media.
    pub media_hosts: Vec<String>,
    /// `[min_lat, min_lon, max_lat, max_lon]` in degrees; coordinates outside are refused.
    pub bounds: Option<[f64; 4]>,
    /// Whether a report needs a place in words or coordinates.
    pub require_location: bool,
    /// Leading zero bits of the proof of work asked from anonymous callers; 0 asks for none.
    pub pow_bits: u32,
}

/// `limits.*`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Calls of one anonymous address per minute.
    pub per_ip_per_min: u32,
    /// Reports of the tenant per hour.
    pub reports_per_hour: u32,
    /// Reports of all anonymous callers of the tenant per hour.
    pub anon_reports_per_hour: u32,
}

/// `llm.*`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Llm {
    /// Whether a model is asked at all.
    pub enabled: bool,
    /// Which model; empty for the operator's default.
    pub model: String,
    /// Tokens per day of the tenant.
    pub daily_tokens: u64,
    /// Reports in one call, 1 to 20.
    pub batch_max: u32,
    /// Longest wait for further reports, in milliseconds.
    pub batch_wait_ms: u32,
}

/// Extra terms: for each word of a category or severity, the terms and their weights.
pub type TermPack = BTreeMap<String, BTreeMap<String, u8>>;

/// `classify.*`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Classify {
    /// Terms by category (weights 1 to 3) and by `critical`, `high` and `low` (weights ignored).
    pub rules: TermPack,
}

/// One value for each category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PerCategory {
    /// For `infrastructure`.
    pub infrastructure: u32,
    /// For `sanitation`.
    pub sanitation: u32,
    /// For `safety`.
    pub safety: u32,
    /// For `noise`.
    pub noise: u32,
    /// For `maintenance`.
    pub maintenance: u32,
    /// For `other`.
    pub other: u32,
}

impl PerCategory {
    /// The value for a category.
    pub const fn of(&self, category: Category) -> u32 {
        match category {
            Category::Infrastructure => self.infrastructure,
            Category::Sanitation => self.sanitation,
            Category::Safety => self.safety,
            Category::Noise => self.noise,
            Category::Maintenance => self.maintenance,
            Category::Other => self.other,
        }
    }

    pub(super) const fn of_mut(&mut self, category: Category) -> &mut u32 {
        match category {
            Category::Infrastructure => &mut self.infrastructure,
            Category::Sanitation => &mut self.sanitation,
            Category::Safety => &mut self.safety,
            Category::Noise => &mut self.noise,
            Category::Maintenance => &mut self.maintenance,
            Category::Other => &mut self.other,
        }
    }
}

/// `dedup.*`
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dedup {
    /// Whether reports are joined at all.
    pub enabled: bool,
    /// Similarity from which they are joined without asking, 0 to 1.
    pub auto: f64,
    /// Similarity from which a person is asked, 0 to `auto`.
    pub review: f64,
    /// Distance in metres at which nearness halves.
    pub radius_m: PerCategory,
    /// Days after which an issue is too old to match.
    pub window_days: PerCategory,
    /// Days for which a resolved issue can be reopened by a new report.
    pub match_resolved_days: u32,
}

/// `sla.*`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sla {
    /// Promises where no policy fits.
    pub defaults: SlaDefaults,
    /// What reopening does to the clock.
    pub reopen: ReopenMode,
    /// Reasons for a hold that stop the clock.
    pub pause_reasons: Vec<HoldReason>,
}

/// `priority.*`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PrioritySettings {
    /// Shares of the parts, together 1.
    pub weights: PriorityWeights,
}

/// How report texts are shown to the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShowText {
    /// With personal data removed.
    Redacted,
    /// Only the summary.
    Summary,
    /// Not at all.
    None,
}

/// `public.*`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Public {
    /// Whether there are public pages.
    pub enabled: bool,
    /// Minutes for which a fresh report stays hidden.
    pub delay_minutes: u32,
    /// How texts are shown.
    pub show_text: ShowText,
    /// Decimals of coordinates that need protection, 0 to 5; 3 is about 110 m.
    pub coord_decimals: u32,
    /// Reports below which a figure is merged into "other".
    pub min_cell: u32,
    /// Whether the tenant takes part in the ranking of tenants.
    pub leaderboard: bool,
}

/// `privacy.*`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Privacy {
    /// Days after closing for which contact data is kept.
    pub retain_contact_days: u32,
    /// Hours for which hashed addresses are kept.
    pub retain_ip_hours: u32,
    /// Years for which reports are kept.
    pub report_years: u32,
}

/// A way of telling people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyChannel {
    /// Calls to the tenant's URLs.
    Webhook,
    /// Mail; needs the operator's mail setting.
    Email,
}

/// `notify.*`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notify {
    /// Ways that are used.
    pub channels: Vec<NotifyChannel>,
}

impl TenantConfig {
    /// What holds for a tenant that has set nothing.
    pub fn defaults(kind: TenantKind) -> Self {
        Self {
            intake: Intake {
                anonymous: true,
                max_description: MAX_DESCRIPTION,
                media_hosts: Vec::new(),
                bounds: None,
                require_location: kind == TenantKind::City,
                pow_bits: 0,
            },
            limits: Limits {
                per_ip_per_min: 100,
                reports_per_hour: 60_000,
                anon_reports_per_hour: 1_000,
            },
            llm: Llm {
                enabled: false,
                model: String::new(),
                daily_tokens: 200_000,
                batch_max: 20,
                batch_wait_ms: 500,
            },
            classify: Classify::default(),
            dedup: Dedup {
                enabled: true,
                auto: 0.72,
                review: 0.50,
                radius_m: PerCategory {
                    infrastructure: 60,
                    sanitation: 75,
                    safety: 150,
                    noise: 150,
                    maintenance: 75,
                    other: 100,
                },
                window_days: PerCategory {
                    infrastructure: 60,
                    sanitation: 14,
                    safety: 7,
                    noise: 3,
                    maintenance: 60,
                    other: 30,
                },
                match_resolved_days: 7,
            },
            workflow: WorkflowRules::default(),
            sla: Sla {
                defaults: SlaDefaults::default(),
                reopen: ReopenMode::Continue,
                pause_reasons: HoldReason::ALL.to_vec(),
            },
            score: ScoreWeights::default(),
            priority: PrioritySettings::default(),
            public: Public {
                enabled: true,
                delay_minutes: 0,
                show_text: ShowText::Redacted,
                coord_decimals: 3,
                min_cell: 5,
                leaderboard: false,
            },
            privacy: Privacy {
                retain_contact_days: 180,
                retain_ip_hours: 24,
                report_years: 7,
            },
            notify: Notify {
                channels: vec![NotifyChannel::Webhook],
            },
        }
    }

    /// The whole configuration in its JSON form, defaults included.
    ///
    /// # Panics
    ///
    /// Never: there are only text keys and finite numbers.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a configuration has text keys and finite numbers")
    }
}
