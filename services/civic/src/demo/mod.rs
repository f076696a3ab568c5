//! Demo tenants: a city, a building and a campus with a season of reports, so that the first start shows something.
//!
//! Everything goes the usual ways: areas, calendars and policies by the use cases of the setup, the past by the
//! importer, today's reports by the intake, where duplicates find each other.
mod cast;
mod script;

use std::io::Cursor;
use std::sync::Arc;

use brisk::{BoxError, Kit};
use brisk_auth::NewTenant;
use brisk_core::{Failure as _, Scope, TenantId};
use serde_json::json;

use self::cast::{CAST, Place};
use crate::logic::Setup;
use crate::logic::import::{ImportOptions, ImportSetup, Importer};
use crate::logic::intake::Submitter;
use crate::logic::submission::Submission;
use crate::logic::{area, calendar, policy, scores};
use crate::state::CivicState;

/// Makes the demo tenants.
pub(crate) async fn make(kit: &Kit, state: &CivicState) -> Result<(), BoxError> {
    let importer = Importer::new(&kit.db, kit.clock.clone(), kit.queue.clone());
    for place in CAST {
        let tenant = tenant(kit, place).await?;
        set_up(state, tenant, place).await?;
        let scope = Scope::system(tenant, "demo");
        let settings = state.settings.of(tenant).await?;
        let session = state.db.session(scope.clone());
        let past = script::past(place, state.clock.now());
        let options = ImportOptions::new("demo.ndjson");
        let setup = Arc::new(ImportSetup::of(&settings));
        Box::pin(importer.run(
            &session,
            setup,
            &options,
            Cursor::new(past.into_bytes()),
            |_| {},
        ))
        .await?;
        for text in script::today(place, state.clock.now()) {
            let submission = Submission {
                description: text.description,
                location: Some(text.location),
                lat: Some(text.lat),
                lon: Some(text.lon),
                submitted_at: Some(text.at),
                ..Submission::default()
            };
            let who = Submitter {
                anonymous: false,
                trusted: true,
            };
            state.intake.submit(&scope, who, "web", submission).await?;
        }
        scores::refresh(&session, &settings, &state.clock).await?;
    }
    Ok(())
}

async fn tenant(kit: &Kit, place: &Place) -> Result<TenantId, BoxError> {
    let session = kit.platform("demo");
    let new = NewTenant {
        timezone: place.zone.to_owned(),
        ..NewTenant::new(place.slug, place.name, place.kind)
    };
    let made = kit.tenants_in(&session).insert(new, &kit.clock).await;
    Ok(made
        .map_err(|e| format!("{}: {}", place.slug, e.detail()))?
        .id)
}

async fn set_up(state: &CivicState, tenant: TenantId, place: &Place) -> Result<(), BoxError> {
    let setup = Setup {
        session: state.db.session(Scope::system(tenant, "demo")),
        settings: Arc::clone(&state.settings),
        clock: state.clock.clone(),
    };
    for name in place.areas {
        area::create(&setup, &json!({ "name": name })).await?;
    }
    let days: serde_json::Map<_, _> = (1..=5)
        .map(|day| (day.to_string(), json!([[480, 1_080]])))
        .collect();
    let hours =
        json!({ "name": "Working hours", "timezone": place.zone, "weekly": days, "holidays": [] });
    let hours = calendar::create(&setup, &hours).await?;
    // The promises that a well-run town makes: urgent things around the clock, the others in working hours.
    for (severity, ack, resolve, by_calendar) in [
        ("critical", 60, 1_440, false),
        ("high", 240, 2_880, false),
        ("medium", 1_440, 7_200, true),
        ("low", 1_440, 14_400, true),
    ] {
        let promise = json!({
            "severity": severity,
            "ack_minutes": ack,
            "resolve_minutes": resolve,
            "calendar_id": by_calendar.then_some(hours.id),
            "effective_from": "2020-01-01T00:00:00Z",
        });
        policy::create(&setup, &promise).await?;
    }
    Ok(())
}
