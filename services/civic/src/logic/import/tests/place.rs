//! What a row becomes: its clock, its class, its area, its end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{HEADER, Place, on_both, options, sound};
use crate::logic::import::{Classify, ImportOptions, ImportSetup};
use crate::model::classify::ClassifiedBy;
use crate::model::workflow::{CloseReason, Status};
use crate::model::{Category, Severity};

const BOSTON: &str = "\
case_enquiry_id,open_dt,target_dt,closed_dt,ontime,case_status,closure_reason,case_title,subject,reason,type,queue,department,location,neighborhood,ward,location_street_name,location_zipcode,latitude,longitude,source
1,2023-07-01 01:32:33,2023-07-15 01:32:32,2023-07-01 05:06:58,ONTIME,Closed,Case closed,Street Light Outages,Public Works Department,Street Lights,Street Light Outages,PWDx_Lights,PWDx,A St,Greater Mattapan,Ward 17,A St,,42.2715,-71.0772,Self Service
2,2023-07-02 10:00:00,2023-07-03 10:00:00,2023-07-03 10:00:01,OVERDUE,Closed,,Potholes in the road,Public Works Department,Highway Maintenance,Request for Pothole Repair,,PWDx,,,Ward 1,,02131,0,0,Constituent Call
3,2023-07-02 10:00:00,2023-07-03 10:00:00,2023-07-03 10:00:00,OVERDUE,Closed,,Potholes in the road,Public Works Department,Highway Maintenance,Request for Pothole Repair,,PWDx,,,Ward 1,,02131,0,0,Constituent Call
4,2023-07-02 10:00:00,2023-07-03 10:00:00,,OVERDUE,Open,,Rat Bite reported,Inspectional Services,Health,Rat Bite,,ISD,,,,,,,,Constituent Call
";

#[tokio::test(flavor = "multi_thread")]
async fn the_files_own_verdicts_are_compared_with_ours() {
    on_both(async |place: Place| {
        let report = place.import(BOSTON).await;
        // The third row's own verdict is wrong by a second; the fourth is still open.
        assert_eq!((report.sla_compared, report.sla_agree), (3, 2));
        let rows = place.dump().await;
        let met: Vec<_> = rows.iter().map(|row| row.met_sla).collect();
        assert_eq!(met, [Some(true), Some(false), Some(true), None]);
        let (late, open) = (&rows[1], &rows[3]);
        assert_eq!(late.breached_at, late.resolve_due_at);
        assert_eq!(
            (open.status, open.state.as_str()),
            (Status::Open, "running")
        );
        let due: Timestamp = "2023-07-03T14:00:00Z".parse().unwrap();
        assert_eq!(
            (open.resolve_due_at, open.breached_at),
            (Some(due), Some(due))
        );
        assert_eq!(rows[0].assignee.as_deref(), Some("PWDx"));
        assert_eq!(
            rows[0].attributes.as_ref().unwrap().0["note"],
            "Case closed"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_end_as_their_source_says() {
    on_both(async |place: Place| {
        place.import(&(HEADER.to_owned() + &sound(0..6))).await;
        let rows = place.dump().await;
        let (open, working, cancelled) = (&rows[0], &rows[1], &rows[5]);
        assert_eq!((open.status, open.event.as_str()), (Status::Open, "open"));
        // No promise in the file: 72 hours by the tenant's defaults, long over.
        let created: Timestamp = "2024-01-01T00:30:00Z".parse().unwrap();
        let due = created + jiff::SignedDuration::from_hours(72);
        assert_eq!((open.created_at, open.resolve_due_at), (created, Some(due)));
        assert_eq!(open.breached_at, Some(due));
        assert_eq!(working.status, Status::InProgress);
        assert_eq!(rows[2].close_reason, Some(CloseReason::Fixed));
        assert_eq!(rows[2].resolved_at, rows[2].closed_at);
        assert_eq!(cancelled.close_reason, Some(CloseReason::Cancelled));
        assert_eq!((cancelled.excluded, cancelled.met_sla), (true, None));
        assert_eq!(
            (cancelled.resolved_at, cancelled.closed_at.is_some()),
            (None, true)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_comes_from_where_the_option_says() {
    on_both(async |place: Place| {
        let row = "2024-01-01T00:00:00Z,,,open,Gas smell in the hallway";
        let with = |classify| ImportOptions {
            classify,
            ..options()
        };
        for (classify, ids) in [
            (Classify::Rules, ["a1", "a2"]),
            (Classify::Trust, ["b1", "b2"]),
            (Classify::None, ["c1", "c2"]),
        ] {
            let file = format!(
                "{HEADER}{},{row},,,,low\n{},{row},noise,,,low\n",
                ids[0], ids[1]
            );
            place.run(&with(classify), &file).await.unwrap();
        }
        let rows = place.dump().await;
        let class: Vec<_> = rows
            .iter()
            .map(|row| (row.classified_by, row.category, row.severity))
            .collect();
        assert_eq!(
            class,
            [
                (ClassifiedBy::Rules, Category::Safety, Severity::Critical),
                (ClassifiedBy::Import, Category::Noise, Severity::Critical),
                (ClassifiedBy::Rules, Category::Safety, Severity::Low),
                (ClassifiedBy::Import, Category::Noise, Severity::Low),
                (ClassifiedBy::Import, Category::Other, Severity::Medium),
                (ClassifiedBy::Import, Category::Noise, Severity::Medium),
            ]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_are_matched_by_name_and_made_only_when_asked() {
    on_both(async |place: Place| {
        let unknown = place.import(&(HEADER.to_owned() + &sound(0..9))).await;
        assert_eq!(unknown.areas_unknown, 9);
        let row = place.dump().await.remove(0);
        assert_eq!(row.area_id, None);
        assert_eq!(row.attributes.unwrap().0["area"], "Ward 0");
        let making = ImportOptions {
            create_areas: true,
            ..options()
        };
        let file = HEADER.to_owned() + &sound(9..200);
        let made = place.run(&making, &file).await.unwrap();
        assert_eq!(made.areas_unknown, 0);
        let rows = place.dump().await;
        let ward_0 = rows[9].area_id.unwrap();
        assert_eq!(rows[12].area_id, Some(ward_0));
        let areas: std::collections::HashSet<_> = rows[9..].iter().map(|row| row.area_id).collect();
        assert_eq!(areas.len(), 3);

        let known = Place {
            setup: Arc::new(ImportSetup {
                areas: HashMap::from([(" WARD 0".to_owned(), ward_0)]),
                ..(*place.setup).clone()
            }),
            ..place.clone()
        };
        let matched = known.import(&(HEADER.to_owned() + &sound(200..230))).await;
        assert_eq!(matched.areas_unknown, 20);
    })
    .await;
}
