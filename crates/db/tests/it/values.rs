use brisk_db::{
    Affected, Batch, Error, FromRow, Json, OnConflict, One, Record, sea_query, statements,
};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::json;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, FromRow, Record)]
#[record(table = "things")]
struct Thing {
    id: i64,
    flag: Option<bool>,
    small: Option<i32>,
    big: Option<i64>,
    ratio: Option<f64>,
    label: Option<String>,
    raw: Option<Vec<u8>>,
    key: Option<Uuid>,
    at: Option<Timestamp>,
    day: Option<Date>,
    doc: Option<Json<serde_json::Value>>,
}

statements! {
    prefix "test.things";

    GET(id: i64) -> One<Thing>
        = "SELECT id, flag, small, big, ratio, label, raw, key, at, day, doc FROM things WHERE id = $1";

    PUT[Thing] -> Affected
        = "INSERT INTO things (id, flag, small, big, ratio, label, raw, key, at, day, doc)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

    SET_BIG(big: i64, id: i64) -> Affected = "UPDATE things SET big = $1 WHERE id = $2";

    SWAPPED(id: i64, label: String) -> Affected = "UPDATE things SET label = $2 WHERE id = $1";

    MIXED(id: i64, label: String) -> One<String>
        = "SELECT label || '/' || $2 || '/' || $2 FROM things WHERE label <> $2 AND id = $1";

    BY_IDS(ids: Vec<i64>) -> Vec<i64>
        = "SELECT id FROM things WHERE id = ANY($1) ORDER BY id",
        sqlite "SELECT id FROM things WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id";

    BY_LABELS(labels: Vec<String>) -> Vec<i64>
        = "SELECT id FROM things WHERE label = ANY($1) ORDER BY id",
        sqlite "SELECT id FROM things WHERE label IN (SELECT value FROM json_each($1)) ORDER BY id";

    BY_KEYS(keys: Vec<Uuid>) -> Vec<i64>
        = "SELECT id FROM things WHERE key = ANY($1) ORDER BY id",
        sqlite "SELECT id FROM things WHERE hex(key) IN (SELECT value FROM json_each($1)) ORDER BY id";

    SMALL_AS_TEXT(id: i64) -> One<i64> = "SELECT label FROM things WHERE id = $1";

    FOREVER_INSTANT() -> One<Timestamp>
        = "SELECT 'infinity'::timestamptz", sqlite "SELECT 9223372036854775807";
}

fn full(id: i64) -> Thing {
    Thing {
        id,
        flag: Some(id % 2 == 0),
        small: Some(i32::MIN),
        big: Some(i64::MAX),
        ratio: Some(-0.1),
        label: Some("it's \"$1\" — ünïcode 🦀".to_owned()),
        raw: Some(vec![0, 255, 1, 0]),
        key: Some(Uuid::from_u128(
            0x0123_4567_89ab_cdef_0123_4567_89ab_cdef + u128::from(id.cast_unsigned()),
        )),
        at: Some(Timestamp::from_microsecond(1_700_000_000_123_456).unwrap()),
        day: Some(date(2024, 2, 29)),
        doc: Some(Json(
            json!({"a": [1, 2.5, null, true, "x"], "ü": {"n": 9_007_199_254_740_993_i64}}),
        )),
    }
}

fn empty(id: i64) -> Thing {
    Thing {
        id,
        flag: None,
        small: None,
        big: None,
        ratio: None,
        label: None,
        raw: None,
        key: None,
        at: None,
        day: None,
        doc: None,
    }
}

fn old(id: i64) -> Thing {
    Thing {
        small: Some(i32::MAX),
        big: Some(i64::MIN),
        ratio: Some(3.0),
        label: Some(String::new()),
        raw: Some(Vec::new()),
        at: Some(Timestamp::from_microsecond(-62_135_596_800_000_001 + 86_400_000_000).unwrap()),
        day: Some(date(1, 1, 1)),
        doc: Some(Json(serde_json::Value::Null)),
        ..full(id)
    }
}

on_both! {
    async fn every_kind_comes_back_as_it_went_in(db: TestDb) {
        let session = db.session();
        let things = [full(1), empty(2), old(3)];
        for thing in things.clone() {
            assert_eq!(session.run(&PUT, thing).await.unwrap(), 1);
        }
        for thing in things {
            assert_eq!(session.run(&GET, (thing.id,)).await.unwrap(), thing);
        }
    }

    async fn every_kind_survives_a_bulk_insert(db: TestDb) {
        let session = db.session();
        let few = vec![full(1), empty(2), old(3)];
        assert_eq!(session.insert_many(few.clone(), OnConflict::Fail).await.unwrap(), 3);
        // PostgreSQL takes many in another form.
        let many: Vec<_> = (0..100).flat_map(|n| [full(3 * n + 4), empty(3 * n + 5), old(3 * n + 6)]).collect();
        assert_eq!(session.insert_many(many.clone(), OnConflict::Fail).await.unwrap(), 300);
        for thing in few.into_iter().chain(many) {
            assert_eq!(session.run(&GET, (thing.id,)).await.unwrap(), thing);
        }
    }

    async fn parameters_bind_by_number_and_not_by_place(db: TestDb) {
        let session = db.session();
        session.run(&PUT, full(7)).await.unwrap();
        assert_eq!(session.run(&SWAPPED, (7, "seven".to_owned())).await.unwrap(), 1);
        assert_eq!(session.run(&SET_BIG, (70, 7)).await.unwrap(), 1);
        assert_eq!(session.run(&MIXED, (7, "x".to_owned())).await.unwrap(), "seven/x/x");
        assert_eq!(session.run(&GET, (7,)).await.unwrap().big, Some(70));
    }

    async fn arrays_are_lists_of_keys(db: TestDb) {
        let session = db.session();
        session
            .insert_many(vec![full(1), full(2), empty(3)], OnConflict::Fail)
            .await
            .unwrap();
        assert_eq!(session.run(&BY_IDS, (vec![3, 1, 1, 9],)).await.unwrap(), [1, 3]);
        assert_eq!(session.run(&BY_IDS, (vec![],)).await.unwrap(), [0; 0]);
        let label = full(1).label.unwrap();
        assert_eq!(session.run(&BY_LABELS, (vec!["no".to_owned(), label],)).await.unwrap(), [1, 2]);
        let keys = vec![full(2).key.unwrap(), Uuid::nil()];
        assert_eq!(session.run(&BY_KEYS, (keys,)).await.unwrap(), [2]);
    }

    async fn a_promised_row_that_is_not_there_is_an_error_of_ours(db: TestDb) {
        let error = db.session().run(&GET, (1,)).await.unwrap_err();
        assert!(matches!(error, Error::NoRow { statement: "test.things.get" }), "{error}");
    }

    async fn a_value_of_another_type_is_a_decode_error(db: TestDb) {
        let session = db.session();
        session.run(&PUT, full(1)).await.unwrap();
        let error = session.run(&SMALL_AS_TEXT, (1,)).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error}");
        let error = session.run(&FOREVER_INSTANT, ()).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error}");
    }

    async fn a_built_query_is_the_same_on_both(db: TestDb) {
        use sea_query::{Expr, ExprTrait as _, Order, Query};
        let session = db.session();
        session.insert_many(vec![full(1), full(2), full(3)], OnConflict::Fail).await.unwrap();
        let query = Query::select()
            .column("id")
            .from("things")
            .and_where(Expr::col("id").gt(1_i64))
            .and_where(Expr::col("at").lte(full(1).at.unwrap()))
            .and_where(Expr::col("day").eq(date(2024, 2, 29)))
            .order_by("id", Order::Desc)
            .limit(5)
            .to_owned();
        for _ in 0..2 {
            assert_eq!(session.select::<i64>("test.built", &query).await.unwrap(), [3, 2]);
        }
    }

    async fn an_empty_batch_is_nothing(db: TestDb) {
        assert_eq!(db.session().batch(Batch::new()).await.unwrap(), []);
    }
}
