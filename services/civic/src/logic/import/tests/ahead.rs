//! On PostgreSQL the rows of two chunks go in at once, and still no chunk stays without those before it.

use std::time::Duration;

use brisk_testkit::servers::Postgres;

use super::{HEADER, Place, on_both, sound};
use crate::logic::import::ImportStatus;

/// Holds each of the first two writers of reports until the other one is there as well.
const MEET: &str = "CREATE SEQUENCE came;
    CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM nextval('came');
      FOR i IN 1..2000 LOOP
        IF (SELECT last_value FROM came) >= 2 THEN RETURN NULL; END IF;
        PERFORM pg_sleep(0.01);
      END LOOP;
      RAISE EXCEPTION 'nobody else came';
    END $$;
    CREATE TRIGGER meet AFTER INSERT ON civic_reports FOR EACH STATEMENT EXECUTE FUNCTION meet()";

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_a_chunk_go_in_while_the_chunk_before_is_written() {
    let database = Postgres::shared().database().unwrap();
    let place = Place::open(database.url()).await;
    database.psql(&[MEET]).unwrap();
    let report = place.import(&(HEADER.to_owned() + &sound(0..230))).await;
    assert_eq!(report.status, ImportStatus::Completed);
    assert_eq!(report.created, 230);
    assert_eq!(place.dump().await.len(), 230);
    place.db.close().await;
}

/// The first chunk is refused after the rows of the second are in.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_behind_one_that_fails_does_not_stay() {
    let database = Postgres::shared().database().unwrap();
    let place = Place::open(database.url()).await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON civic_imports FOR EACH ROW
        WHEN (OLD.rows_read = 0 AND NEW.rows_read > 0) EXECUTE FUNCTION refuse()";
    database.psql(&[MEET, refuse]).unwrap();
    let file = HEADER.to_owned() + &sound(0..230);
    place.run(&super::options(), &file).await.unwrap_err();
    assert_eq!(place.dump().await.len(), 0);
    place.db.close().await;
}

/// Each import's second chunk holds what the other's first one wants: a ring by way of the chunks before.
#[tokio::test(flavor = "multi_thread")]
async fn two_imports_of_the_same_rows_in_another_order_both_end() {
    on_both(async |place: Place| {
        let one = HEADER.to_owned() + &sound(0..50) + &sound(50..100);
        let two = HEADER.to_owned() + &sound(50..100) + &sound(0..50);
        let other = place.restarted();
        let both = async { tokio::join!(place.import(&one), other.import(&two)) };
        let (one, two) = tokio::time::timeout(Duration::from_secs(25), both)
            .await
            .unwrap();
        assert_eq!(one.created + two.created, 100);
        assert_eq!(place.dump().await.len(), 100);
    })
    .await;
}
