use serde_json::{Value, json};

use super::*;
use crate::model::{Category, FieldErrors, TenantKind};

fn read(value: &Value) -> Result<TenantConfig, FieldErrors> {
    TenantConfig::from_json(TenantKind::Hotel, value)
}

fn codes(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors
        .0
        .iter()
        .map(|e| (e.field.as_str(), e.code))
        .collect()
}

#[test]
fn an_empty_document_is_the_defaults_of_the_kind() {
    for kind in TenantKind::ALL {
        let config = TenantConfig::from_json(kind, &json!({})).unwrap();
        assert_eq!(config, TenantConfig::defaults(kind));
        assert_eq!(config.intake.require_location, kind == TenantKind::City);
        // The whole configuration is itself a valid document.
        assert_eq!(
            TenantConfig::from_json(kind, &config.to_json()).unwrap(),
            config
        );
    }
}

#[test]
fn defaults_are_as_published() {
    let value = TenantConfig::defaults(TenantKind::City).to_json();
    for (path, expected) in [
        ("/intake/anonymous", json!(true)),
        ("/intake/max_description", json!(4000)),
        ("/intake/media_hosts", json!([])),
        ("/intake/bounds", json!(null)),
        ("/limits/per_ip_per_min", json!(100)),
        ("/limits/reports_per_hour", json!(60000)),
        ("/limits/anon_reports_per_hour", json!(1000)),
        ("/llm/enabled", json!(false)),
        ("/llm/model", json!("")),
        ("/llm/daily_tokens", json!(200_000)),
        ("/llm/batch_max", json!(20)),
        ("/llm/batch_wait_ms", json!(500)),
        ("/classify/rules", json!({})),
        ("/dedup/auto", json!(0.72)),
        ("/dedup/review", json!(0.5)),
        ("/dedup/radius_m/noise", json!(150)),
        ("/dedup/window_days/other", json!(30)),
        ("/dedup/match_resolved_days", json!(7)),
        (
            "/workflow",
            json!({"auto_close_days": 7, "reopen_days": 14, "archive_days": 365}),
        ),
        (
            "/sla/defaults/critical",
            json!({"ack_minutes": 60, "resolve_minutes": 1440}),
        ),
        (
            "/sla/defaults/low",
            json!({"ack_minutes": 1440, "resolve_minutes": 4320}),
        ),
        ("/score/weight_compliance", json!(70.0)),
        ("/score/min_sample", json!(5)),
        ("/priority/weights/severity", json!(0.4)),
        ("/public/show_text", json!("redacted")),
        ("/public/coord_decimals", json!(3)),
        (
            "/privacy",
            json!({"retain_contact_days": 180, "retain_ip_hours": 24, "report_years": 7}),
        ),
        ("/notify/channels", json!(["webhook"])),
    ] {
        assert_eq!(value.pointer(path), Some(&expected), "{path}");
    }
}

#[test]
fn every_bad_field_is_reported_at_once() {
    let refused = read(&json!({
        "intake": {"anonymous": "yes", "max_description": 4001, "bounds": [1, 2, 3], "colour": 1},
        "llm": {"batch_max": 21, "daily_tokens": 1.5},
        "dedup": {"review": 0.9, "radius_m": {"noise": -1, "traffic": 5}},
        "priority": {"weights": {"severity": 0.9}},
        "public": {"show_text": "all"},
        "sla": {"pause_reasons": ["weather", "weather"], "defaults": {"low": {"ack_minutes": 0}}},
        "notify": [],
        "intake.anonymous": true
    }))
    .unwrap_err();
    let mut found = codes(&refused);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("dedup.radius_m.noise", "out_of_range"),
            ("dedup.radius_m.traffic", "unknown_field"),
            ("dedup.review", "thresholds_invalid"),
            ("intake.anonymous", "unknown_field"),
            ("intake.anonymous", "wrong_type"),
            ("intake.bounds", "bounds_invalid"),
            ("intake.colour", "unknown_field"),
            ("intake.max_description", "out_of_range"),
            ("llm.batch_max", "out_of_range"),
            ("llm.daily_tokens", "wrong_type"),
            ("notify", "wrong_type"),
            ("priority.weights", "weights_invalid"),
            ("public.show_text", "unknown_value"),
            ("sla.defaults.low.ack_minutes", "out_of_range"),
            ("sla.pause_reasons.1", "duplicate"),
        ]
    );
    assert_eq!(codes(&read(&json!([])).unwrap_err()), [("", "wrong_type")]);
}

#[test]
fn hosts_and_terms_are_checked() {
    let good = read(&json!({
        "intake": {"media_hosts": ["CDN.example.org"], "bounds": [40.0, -75.0, 41.0, -73.0]},
        "classify": {"rules": {"noise": {"bagpipe": 3}, "critical": {"meltdown": 1}}}
    }))
    .unwrap();
    assert_eq!(good.intake.media_hosts, ["cdn.example.org"]);
    assert_eq!(good.classify.rules["noise"]["bagpipe"], 3);
    let bad = read(&json!({
        "intake": {"media_hosts": ["https://example.org", "a..b", 5]},
        "classify": {"rules": {"medium": {}, "noise": {"bagpipe": 4}, "safety": []}}
    }))
    .unwrap_err();
    assert_eq!(
        codes(&bad),
        [
            ("intake.media_hosts.0", "host_invalid"),
            ("intake.media_hosts.1", "host_invalid"),
            ("intake.media_hosts.2", "host_invalid"),
            ("classify.rules.medium", "unknown_field"),
            ("classify.rules.noise.bagpipe", "out_of_range"),
            ("classify.rules.safety", "wrong_type"),
        ]
    );
}

/// The examples of RFC 7386, appendix A.
#[test]
fn merging_follows_the_standard() {
    for (target, patch, result) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        let mut merged = target;
        merge_patch(&mut merged, &patch);
        assert_eq!(merged, result);
    }
}

#[test]
fn a_patch_changes_what_it_names_and_null_restores_the_default() {
    let kind = TenantKind::City;
    let (stored, config) = patch_config(
        kind,
        &json!({}),
        &json!({"dedup": {"radius_m": {"noise": 300}, "auto": 0.8}}),
    )
    .unwrap();
    assert_eq!(
        (
            config.dedup.radius_m.of(Category::Noise),
            config.dedup.radius_m.of(Category::Safety)
        ),
        (300, 150)
    );
    let patch =
        json!({"dedup": {"radius_m": {"noise": null}}, "intake": {"require_location": false}});
    let (stored, config) = patch_config(kind, &stored, &patch).unwrap();
    assert_eq!(config.dedup.radius_m.of(Category::Noise), 150);
    assert_eq!(
        stored,
        json!({"dedup": {"radius_m": {}, "auto": 0.8}, "intake": {"require_location": false}})
    );
    let (_, config) = patch_config(kind, &stored, &json!({"intake": null})).unwrap();
    assert!(config.intake.require_location);
}

#[test]
fn a_patch_is_judged_by_its_result() {
    let kind = TenantKind::City;
    let stored = json!({"dedup": {"auto": 0.9}});
    let (stored, _) = patch_config(kind, &stored, &json!({"dedup": {"review": 0.85}})).unwrap();
    let refused = patch_config(kind, &stored, &json!({"dedup": {"auto": null}})).unwrap_err();
    assert_eq!(codes(&refused), [("dedup.review", "thresholds_invalid")]);
    let shifted = json!({"priority": {"weights": {"severity": 0.45, "place": 0.0}}});
    assert!(patch_config(kind, &stored, &shifted).is_ok());
    let half = json!({"priority": {"weights": {"severity": 0.45}}});
    assert!(patch_config(kind, &stored, &half).is_err());
}

#[test]
fn a_patch_with_an_unknown_name_is_refused_even_when_it_is_null() {
    let refused = patch_config(
        TenantKind::City,
        &json!({}),
        &json!({"llm": {"tempo": null}, "x": 1}),
    );
    let refused = refused.unwrap_err();
    let mut found = codes(&refused);
    found.sort_unstable();
    assert_eq!(
        found,
        [("llm.tempo", "unknown_field"), ("x", "unknown_field")]
    );
    let terms = json!({"classify": {"rules": {"noise": {"bagpipe": null}}}});
    assert!(patch_config(TenantKind::City, &json!({}), &terms).is_ok());
}
