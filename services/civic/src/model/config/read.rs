//! Reading the JSON form of a tenant's configuration.

use serde_json::Value;

use super::settings::{
    Classify, Dedup, Intake, Limits, Llm, MAX_DESCRIPTION, Notify, NotifyChannel, PerCategory,
    Privacy, Public, ShowText, Sla, TenantConfig,
};
use crate::model::field::{FieldError, FieldErrors, Nulls, Object, read_object};
use crate::model::priority::PriorityWeights;
use crate::model::score::ScoreWeights;
use crate::model::sla::{ReopenMode, Target};
use crate::model::workflow::{HoldReason, WorkflowRules};
use crate::model::{Category, Severity, TenantKind};

/// Ten years: longer promises and windows are mistakes of unit.
const MAX_MINUTES: u32 = 10 * 366 * 24 * 60;
const MAX_DAYS: u32 = 3_660;
/// Bounds on lists that every node keeps in memory for each tenant.
const MAX_HOSTS: usize = 100;
const MAX_TERMS: usize = 2_000;

impl TenantConfig {
    /// Reads the nested JSON form; what is absent has its default.
    ///
    /// # Errors
    ///
    /// Every bad field, with codes `unknown_field`, `wrong_type`, `out_of_range`, `unknown_value`, `too_long`, `too_many`,
    /// `duplicate`, `bounds_invalid`, `host_invalid`, `weights_invalid` and `thresholds_invalid`.
    pub fn from_json(kind: TenantKind, value: &Value) -> Result<Self, FieldErrors> {
        let (config, errors) = Self::read(kind, value, Nulls::Value);
        FieldErrors::check(errors)?;
        Ok(config)
    }

    pub(super) fn read(kind: TenantKind, value: &Value, nulls: Nulls) -> (Self, Vec<FieldError>) {
        let mut config = Self::defaults(kind);
        let mut errors = Vec::new();
        read_object(value, nulls, &mut errors, |o| {
            o.section("intake", |o| intake(o, &mut config.intake));
            o.section("limits", |o| limits(o, &mut config.limits));
            o.section("llm", |o| llm(o, &mut config.llm));
            o.section("classify", |o| classify(o, &mut config.classify));
            o.section("dedup", |o| dedup(o, &mut config.dedup, nulls));
            o.section("workflow", |o| workflow(o, &mut config.workflow));
            o.section("sla", |o| sla(o, &mut config.sla));
            o.section("score", |o| score(o, &mut config.score));
            o.section("priority", |o| {
                o.section("weights", |o| {
                    weights(o, &mut config.priority.weights, nulls);
                });
            });
            o.section("public", |o| public(o, &mut config.public));
            o.section("privacy", |o| privacy(o, &mut config.privacy));
            o.section("notify", |o| notify(o, &mut config.notify));
        });
        (config, errors)
    }
}

fn intake(o: &mut Object<'_, '_>, into: &mut Intake) {
    o.bool("anonymous", &mut into.anonymous);
    o.int(
        "max_description",
        10..=MAX_DESCRIPTION,
        &mut into.max_description,
    );
    media_hosts(o, &mut into.media_hosts);
    if let Some(value) = o.get("bounds").filter(|v| !v.is_null()) {
        match bounds(value) {
            Some(found) => into.bounds = Some(found),
            None => o.refuse(
                "bounds",
                "bounds_invalid",
                "must be [min_lat, min_lon, max_lat, max_lon] in degrees, each minimum below its maximum",
            ),
        }
    }
    o.bool("require_location", &mut into.require_location);
    o.int("pow_bits", 0..=32, &mut into.pow_bits);
}

fn bounds(value: &Value) -> Option<[f64; 4]> {
    let numbers: Option<Vec<f64>> = value.as_array()?.iter().map(Value::as_f64).collect();
    let box_: [f64; 4] = numbers?.try_into().ok()?;
    let [south, west, north, east] = box_;
    let lat = (-90.0..=90.0).contains(&south) && (-90.0..=90.0).contains(&north);
    let lon = (-180.0..=180.0).contains(&west) && (-180.0..=180.0).contains(&east);
    (lat && lon && south < north && west < east).then_some(box_)
}

fn media_hosts(o: &mut Object<'_, '_>, into: &mut Vec<String>) {
    let Some(value) = o.get("media_hosts") else {
        return;
    };
    let Value::Array(items) = value else {
        o.refuse("media_hosts", "wrong_type", "must be a list");
        return;
    };
    if items.len() > MAX_HOSTS {
        o.refuse(
            "media_hosts",
            "too_many",
            format!("must have at most {MAX_HOSTS} entries"),
        );
        return;
    }
    for (i, item) in items.iter().enumerate() {
        match item
            .as_str()
            .map(str::to_ascii_lowercase)
            .filter(|h| is_host(h))
        {
            Some(host) => into.push(host),
            None => o.refuse(
                &format!("media_hosts.{i}"),
                "host_invalid",
                "must be a host name without scheme, port or path",
            ),
        }
    }
}

fn is_host(text: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn limits(o: &mut Object<'_, '_>, into: &mut Limits) {
    o.int("per_ip_per_min", 1..=1_000_000, &mut into.per_ip_per_min);
    o.int(
        "reports_per_hour",
        1..=100_000_000,
        &mut into.reports_per_hour,
    );
    o.int(
        "anon_reports_per_hour",
        0..=100_000_000,
        &mut into.anon_reports_per_hour,
    );
}

fn llm(o: &mut Object<'_, '_>, into: &mut Llm) {
    o.bool("enabled", &mut into.enabled);
    o.text("model", 200, &mut into.model);
    o.int(
        "daily_tokens",
        0..=1_000_000_000_000,
        &mut into.daily_tokens,
    );
    o.int("batch_max", 1..=20, &mut into.batch_max);
    o.int("batch_wait_ms", 0..=10_000, &mut into.batch_wait_ms);
}

fn classify(o: &mut Object<'_, '_>, into: &mut Classify) {
    let mut terms = 0;
    o.section("rules", |o| {
        for key in o.names() {
            let value = o.get_named(key);
            let known = Category::parse(key).is_some()
                || Severity::parse(key).is_some_and(|s| s != Severity::Medium);
            let Some(value) = value else { continue };
            if !known {
                o.refuse(
                    key,
                    "unknown_field",
                    "must be a category, critical, high or low",
                );
                continue;
            }
            let Value::Object(members) = value else {
                o.refuse(key, "wrong_type", "must be an object of terms and weights");
                continue;
            };
            terms += members.len();
            for (term, weight) in members {
                let path = format!("{key}.{term}");
                let length = term.trim().chars().count();
                // The weight of a term that a patch removes.
                if weight.is_null() && o.removes() {
                    continue;
                }
                match weight.as_u64().and_then(|w| u8::try_from(w).ok()) {
                    _ if !(1..=60).contains(&length) => {
                        o.refuse(&path, "too_long", "must have 1 to 60 characters");
                    }
                    Some(w @ 1..=3) => {
                        into.rules
                            .entry(key.to_owned())
                            .or_default()
                            .insert(term.clone(), w);
                    }
                    _ => o.refuse(&path, "out_of_range", "must be a weight of 1, 2 or 3"),
                }
            }
        }
    });
    if terms > MAX_TERMS {
        o.refuse(
            "rules",
            "too_many",
            format!("must have at most {MAX_TERMS} terms"),
        );
    }
}

fn dedup(o: &mut Object<'_, '_>, into: &mut Dedup, nulls: Nulls) {
    o.bool("enabled", &mut into.enabled);
    o.number("auto", 0.0..=1.0, &mut into.auto);
    o.number("review", 0.0..=1.0, &mut into.review);
    if into.review > into.auto && nulls == Nulls::Value {
        o.refuse(
            "review",
            "thresholds_invalid",
            "must not be above dedup.auto",
        );
    }
    o.section("radius_m", |o| {
        per_category(o, 0, 5_000, &mut into.radius_m);
    });
    o.section("window_days", |o| {
        per_category(o, 1, 365, &mut into.window_days);
    });
    o.int(
        "match_resolved_days",
        0..=365,
        &mut into.match_resolved_days,
    );
}

fn per_category(o: &mut Object<'_, '_>, min: u32, max: u32, into: &mut PerCategory) {
    for category in Category::ALL {
        o.int(category.as_str(), min..=max, into.of_mut(category));
    }
}

fn workflow(o: &mut Object<'_, '_>, into: &mut WorkflowRules) {
    o.int("auto_close_days", 0..=MAX_DAYS, &mut into.auto_close_days);
    o.int("reopen_days", 0..=MAX_DAYS, &mut into.reopen_days);
    o.int("archive_days", 1..=MAX_DAYS, &mut into.archive_days);
}

fn sla(o: &mut Object<'_, '_>, into: &mut Sla) {
    o.section("defaults", |o| {
        let d = &mut into.defaults;
        o.section("low", |o| target(o, &mut d.low));
        o.section("medium", |o| target(o, &mut d.medium));
        o.section("high", |o| target(o, &mut d.high));
        o.section("critical", |o| target(o, &mut d.critical));
    });
    let modes = [
        ("continue", ReopenMode::Continue),
        ("restart", ReopenMode::Restart),
    ];
    o.word("reopen", &modes, &mut into.reopen);
    let reasons: Vec<_> = HoldReason::ALL.iter().map(|r| (r.as_str(), *r)).collect();
    o.words("pause_reasons", &reasons, &mut into.pause_reasons);
}

fn target(o: &mut Object<'_, '_>, into: &mut Target) {
    o.int("ack_minutes", 1..=MAX_MINUTES, &mut into.ack_minutes);
    o.int(
        "resolve_minutes",
        1..=MAX_MINUTES,
        &mut into.resolve_minutes,
    );
}

fn score(o: &mut Object<'_, '_>, into: &mut ScoreWeights) {
    o.number(
        "weight_compliance",
        0.0..=100.0,
        &mut into.weight_compliance,
    );
    o.number("weight_speed", 0.0..=100.0, &mut into.weight_speed);
    o.number(
        "speed_horizon_hours",
        1.0..=87_840.0,
        &mut into.speed_horizon_hours,
    );
    o.int("min_sample", 1..=1_000_000, &mut into.min_sample);
}

fn weights(o: &mut Object<'_, '_>, into: &mut PriorityWeights, nulls: Nulls) {
    o.number("severity", 0.0..=1.0, &mut into.severity);
    o.number("urgency", 0.0..=1.0, &mut into.urgency);
    o.number("people", 0.0..=1.0, &mut into.people);
    o.number("age", 0.0..=1.0, &mut into.age);
    o.number("place", 0.0..=1.0, &mut into.place);
    let sum = into.severity + into.urgency + into.people + into.age + into.place;
    // A part of a patch says nothing about the sum.
    if (sum - 1.0).abs() > 1e-6 && nulls == Nulls::Value {
        o.refuse_all("weights_invalid", "must add up to 1");
    }
}

fn public(o: &mut Object<'_, '_>, into: &mut Public) {
    o.bool("enabled", &mut into.enabled);
    o.int("delay_minutes", 0..=527_040, &mut into.delay_minutes);
    let texts = [
        ("redacted", ShowText::Redacted),
        ("summary", ShowText::Summary),
        ("none", ShowText::None),
    ];
    o.word("show_text", &texts, &mut into.show_text);
    o.int("coord_decimals", 0..=5, &mut into.coord_decimals);
    o.int("min_cell", 1..=1_000, &mut into.min_cell);
    o.bool("leaderboard", &mut into.leaderboard);
}

fn privacy(o: &mut Object<'_, '_>, into: &mut Privacy) {
    o.int(
        "retain_contact_days",
        0..=MAX_DAYS,
        &mut into.retain_contact_days,
    );
    o.int("retain_ip_hours", 0..=24, &mut into.retain_ip_hours);
    o.int("report_years", 1..=100, &mut into.report_years);
}

fn notify(o: &mut Object<'_, '_>, into: &mut Notify) {
    let channels = [
        ("webhook", NotifyChannel::Webhook),
        ("email", NotifyChannel::Email),
    ];
    o.words("channels", &channels, &mut into.channels);
}
