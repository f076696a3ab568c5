//! An import that was stopped goes on where it stood.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use tokio::sync::Notify;

use super::{HEADER, Place, on_both, options, sound};
use crate::logic::import::{ImportError, ImportOptions, ImportStatus};

/// A file whose device fails after some bytes.
struct Failing {
    file: Cursor<String>,
    left: usize,
}

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let take = buf.len().min(self.left).min(512);
        if take == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        let count = self.file.read(&mut buf[..take])?;
        self.left -= count;
        Ok(count)
    }
}

fn resumed(id: Option<i64>) -> ImportOptions {
    ImportOptions {
        resume: id,
        ..options()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_import_leaves_the_rows_of_an_unbroken_one() {
    on_both(async |place: Place| {
        let mut file = HEADER.to_owned() + &sound(0..330);
        file.push_str("short,2024-01-01T00:00:00Z,,,open,Lamp,,,,\n");
        file.push_str(&sound(300..400));
        let broken = place
            .importer
            .run(
                &place.session,
                Arc::clone(&place.setup),
                &options(),
                Failing {
                    file: Cursor::new(file.clone()),
                    left: file.len() / 2,
                },
                |_| {},
            )
            .await
            .unwrap();
        assert_eq!(broken.status, ImportStatus::Failed);
        assert!(broken.error.unwrap().starts_with("civic.import_unreadable"));
        assert!((1..330).contains(&broken.created));
        assert_eq!(place.dump().await.len() as u64, broken.created);

        let whole = place
            .restarted()
            .run(&resumed(broken.id), &file)
            .await
            .unwrap();
        assert_eq!(
            (whole.id, whole.status),
            (broken.id, ImportStatus::Completed)
        );
        let resumed_rows = place.dump().await;

        let other = Place {
            session: place.session.for_tenant(brisk_core::TenantId(2)),
            ..place.clone()
        };
        let unbroken = other.import(&file).await;
        let rows = other
            .session
            .run(&super::DUMP, (brisk_core::TenantId(2),))
            .await
            .unwrap();
        assert_eq!(resumed_rows, rows);
        assert_eq!(
            (whole.read, whole.created, whole.skipped, whole.failed),
            (431, 400, 30, 1)
        );
        assert_eq!(
            (
                unbroken.read,
                unbroken.created,
                unbroken.skipped,
                unbroken.failed
            ),
            (431, 400, 30, 1)
        );
        assert_eq!(whole.errors, unbroken.errors);
        assert!(matches!(
            place.run(&resumed(whole.id), &file).await,
            Err(ImportError::Over { .. })
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_holds_whole_chunks_and_can_be_resumed() {
    on_both(async |place: Place| {
        let file = HEADER.to_owned() + &sound(0..2_000);
        let two_chunks = Arc::new(Notify::new());
        let (killed, reached, text) = (place.clone(), Arc::clone(&two_chunks), file.clone());
        let task = tokio::spawn(async move {
            let setup = Arc::clone(&killed.setup);
            let progress = |progress: super::super::Progress| {
                if progress.read >= 100 {
                    reached.notify_one();
                }
            };
            killed
                .importer
                .run(
                    &killed.session,
                    setup,
                    &options(),
                    Cursor::new(text),
                    progress,
                )
                .await
                .map(drop)
        });
        two_chunks.notified().await;
        task.abort();
        drop(task.await);
        let left = place.dump().await.len();
        assert!(left >= 100 && left % 50 == 0, "{left}");
        // A chunk that was handed over before the end may still be committed, which the first attempts then notice.
        let mut report = Err(ImportError::Busy(1));
        for _ in 0..3 {
            if matches!(report, Err(ImportError::Busy(_))) {
                report = place.restarted().run(&resumed(Some(1)), &file).await;
            }
        }
        let report = report.unwrap();
        assert_eq!(
            (report.read, report.created, report.skipped),
            (2_000, 2_000, 0)
        );
        assert_eq!(place.dump().await.len(), 2_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_import_ends_after_its_chunk_and_says_so() {
    on_both(async |place: Place| {
        let file = HEADER.to_owned() + &sound(0..3_000);
        let first = Arc::new(Notify::new());
        let (running, reached) = (place.clone(), Arc::clone(&first));
        let task = tokio::spawn(async move {
            let setup = Arc::clone(&running.setup);
            let progress = |_: super::super::Progress| reached.notify_one();
            running
                .importer
                .run(
                    &running.session,
                    setup,
                    &options(),
                    Cursor::new(file),
                    progress,
                )
                .await
        });
        first.notified().await;
        place.importer.cancel(&place.session, 1).await.unwrap();
        let report = task.await.unwrap().unwrap();
        assert_eq!(report.status, ImportStatus::Cancelled);
        assert!(report.read < 3_000 && report.read == report.created);
        assert_eq!(place.dump().await.len() as u64, report.created);
        assert!(matches!(
            place.importer.cancel(&place.session, 1).await,
            Err(ImportError::Over { .. })
        ));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_is_noticed() {
    on_both(async |place: Place| {
        let file = HEADER.to_owned() + &sound(0..120);
        let broken = place
            .importer
            .run(
                &place.session,
                Arc::clone(&place.setup),
                &options(),
                Failing {
                    file: Cursor::new(file.clone()),
                    left: file.len() * 3 / 4,
                },
                |_| {},
            )
            .await
            .unwrap();
        let other = "submitted_at,description\n";
        assert!(matches!(
            place.run(&resumed(broken.id), other).await,
            Err(ImportError::File(_))
        ));
    })
    .await;
}
