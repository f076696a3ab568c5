//! Every row of a file is accounted for, once.

use std::fmt::Write as _;

use super::{HEADER, Place, on_both, options, sound};
use crate::logic::import::{ImportError, ImportOptions, ImportStatus, Mode};

/// 120 sound rows, of which 10 stand there twice, 5 refused ones, and rows known from before.
fn mixed() -> String {
    let mut file = HEADER.to_owned();
    file.push_str(&sound(0..60));
    file.push_str("broken,2024-01-01T00:00:00Z,,,open,\"A quote that\" goes on,,,,\n");
    file.push_str("short,2024-01-01T00:00:00Z,,,open,Lamp,,,,\n");
    file.push_str("when,yesterday,,,open,A lamp that is out,,,,\n");
    file.push_str("ahead,2024-06-15T12:06:00Z,,,open,A lamp that will be out,,,,\n");
    file.push_str("few,2024-01-01T00:00:00Z\n");
    file.push_str(&sound(50..120));
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_skipped_and_refused_rows_are_named() {
    on_both(async |place: Place| {
        let report = place.import(&mixed()).await;
        assert_eq!(report.status, ImportStatus::Completed);
        assert_eq!(
            (report.read, report.created, report.skipped, report.failed),
            (135, 120, 10, 5)
        );
        let errors: Vec<_> = report
            .errors
            .iter()
            .map(|error| (error.row, error.code.as_str()))
            .collect();
        assert_eq!(
            errors,
            [
                (61, "quote_broken"),
                (62, "description_too_short"),
                (63, "timestamp_invalid"),
                (64, "timestamp_invalid"),
                (65, "field_count"),
            ]
        );
        assert_eq!(place.dump().await.len(), 120);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn importing_again_changes_nothing() {
    on_both(async |place: Place| {
        let first = place.import(&mixed()).await;
        let before = place.dump().await;
        let again = place.import(&mixed()).await;
        assert_ne!(first.id, again.id);
        assert_eq!(
            (again.read, again.created, again.skipped, again.failed),
            (135, 0, 130, 5)
        );
        assert_eq!(place.dump().await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_of_one_file_at_once_share_its_rows() {
    on_both(async |place: Place| {
        let file = HEADER.to_owned() + &sound(0..400);
        let other = place.restarted();
        let (one, two) = tokio::join!(place.import(&file), other.import(&file));
        assert_eq!(one.created + two.created, 400);
        for report in [one, two] {
            assert_eq!(report.status, ImportStatus::Completed);
            assert_eq!(report.created + report.skipped, 400);
        }
        assert_eq!(place.dump().await.len(), 400);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_the_same_and_writes_nothing() {
    on_both(async |place: Place| {
        let dry = ImportOptions {
            dry_run: true,
            ..options()
        };
        let told = place.run(&dry, &mixed()).await.unwrap();
        assert_eq!(told.id, None);
        assert!(place.dump().await.is_empty());
        let done = place.import(&mixed()).await;
        assert_eq!(
            (told.read, told.created, told.skipped, told.failed),
            (done.read, done.created, done.skipped, done.failed)
        );
        assert_eq!(told.errors, done.errors);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_bad_throughout_ends_early_and_keeps_what_came_before() {
    on_both(async |place: Place| {
        let mut file = HEADER.to_owned();
        for n in 0..1_000 {
            file.push_str(&sound(2 * n..2 * n + 2));
            writeln!(file, "bad-{n},never,,,open,A lamp that is out,,,,").unwrap();
        }
        let report = place.import(&file).await;
        assert_eq!(report.status, ImportStatus::Failed);
        assert!(report.error.unwrap().contains("import_too_many_errors"));
        assert_eq!(
            (report.read, report.created, report.failed),
            (1_100, 734, 366)
        );
        assert_eq!(place.dump().await.len(), 734);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_as_text_is_replaced() {
    on_both(async |place: Place| {
        let file = "{\"external_id\":\"1\",\"submitted_at\":\"2024-01-01T00:00:00Z\",\
             \"description\":\"A lamp that is out\",\"note\":\"a\",\"attributes\":{\"k\":[\"x\\u0000y\"],\"b\\u0000\":1}}\n\
             {\"external_id\":\"\\u0000\n";
        let report = place.import(file).await;
        assert_eq!((report.created, report.failed), (1, 1));
        let row = place.dump().await.remove(0);
        assert_eq!(
            row.attributes.unwrap().0,
            serde_json::json!({ "k": ["x\u{fffd}y"], "note": "a" })
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_before_anything_is_written() {
    on_both(async |place: Place| {
        for options in [
            ImportOptions {
                mode: Mode::Upsert,
                ..options()
            },
            ImportOptions {
                dedup: true,
                ..options()
            },
        ] {
            let refused = place.run(&options, HEADER).await;
            assert!(matches!(refused, Err(ImportError::Unsupported(_))));
        }
        let refused = place.run(&options(), "a,b\n1,2\n").await;
        assert!(matches!(refused, Err(ImportError::File(_))), "{refused:?}");
        let resumed = ImportOptions {
            resume: Some(1),
            ..options()
        };
        let refused = place.run(&resumed, HEADER).await;
        assert!(
            matches!(refused, Err(ImportError::NotFound(1))),
            "{refused:?}"
        );
    })
    .await;
}
