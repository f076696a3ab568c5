//! Taking reports in: what is accepted, repeated and refused.

use brisk::prelude::Role;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{TestApp, pothole};
use brisk_testkit::services::{Answer, Call};

crate::on_both!(
    a_report_is_made_once_and_followed_by_its_code,
    a_reference_sent_again_answers_the_first_id,
    fifty_at_once_with_one_reference_are_one_report,
    a_tenant_may_refuse_the_public,
    every_wrong_field_is_named_at_once,
    each_field_has_its_code,
    bodies_that_are_no_reports_are_refused,
    a_batch_stores_what_is_right_and_names_what_is_wrong,
    a_batch_may_be_all_or_nothing,
    a_report_belongs_to_the_tenant_of_its_caller,
);

const REPORTS: &str = "SELECT count(*) FROM civic_reports";

async fn a_report_is_made_once_and_followed_by_its_code(app: TestApp) {
    let made = app.agent().post("/v1/reports", &pothole(1)).await;
    let body = made.assert_status(201);
    let id = body["id"].as_i64().unwrap();
    assert_eq!(
        (&body["message"], &body["status"]),
        (&json!("Report submitted"), &json!("received"))
    );
    let code = body["tracking_code"].as_str().unwrap();
    assert_eq!(code.len(), "K7QP-93XM-2WTD".len());
    assert_eq!(
        made.header("location"),
        Some(format!("/civic/v1/reports/{id}").as_str())
    );
    let read = app.agent().get(&format!("/v1/reports/{id}")).await;
    let row = read.assert_status(200);
    assert_eq!(row["tenant_id"], app.acme.id);
    assert_eq!(row["category"], "infrastructure");
    assert_eq!(row["severity"], "high");
    assert_eq!(row["channel"], "api");
    let etag = read.header("etag").unwrap().to_owned();
    // The issue may be joined meanwhile, which changes the row; then the tag is another one.
    app.issue_of(id).await;
    let now = app.agent().get(&format!("/v1/reports/{id}")).await;
    let same = Call::new("GET", format!("/v1/reports/{id}"));
    let tag = now.header("etag").unwrap_or(&etag);
    let unchanged = app.agent().send(same.header("if-none-match", tag)).await;
    assert_eq!(unchanged.status, 304);
    let hashed = "SELECT count(*) FROM civic_reports WHERE tracking_hash IS NOT NULL";
    assert_eq!(app.place.number(hashed), 1);
    app.stop().await;
}

async fn a_reference_sent_again_answers_the_first_id(app: TestApp) {
    let agent = app.agent();
    let mut report = pothole(1);
    report["client_ref"] = json!("ref-1");
    let first = agent
        .post("/v1/reports", &report)
        .await
        .assert_status(201)
        .clone();
    let again = agent.post("/v1/reports", &report).await.assert_status(200);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["duplicate_of_request"], true);
    assert_eq!(again["tracking_code"], Value::Null);
    // The header means the same and stands behind the field.
    let by_header = |body: &Value, key: &str| {
        let call = Call::new("POST", "/v1/reports").json(body);
        call.header("idempotency-key", key)
    };
    let named = agent.send(by_header(&pothole(1), "ref-1")).await;
    assert_eq!(named.assert_status(200)["id"], first["id"]);
    let other = agent.send(by_header(&report, "ref-2")).await;
    assert_eq!(other.assert_status(200)["id"], first["id"]);
    let fresh = agent.send(by_header(&pothole(2), "ref-2")).await;
    assert_ne!(fresh.assert_status(201)["id"], first["id"]);
    // Another tenant's references are its own.
    let key = app.other.key(Role::Agent);
    let elsewhere = app.public().with(key).post("/v1/reports", &report).await;
    assert_ne!(elsewhere.assert_status(201)["id"], first["id"]);
    let bad = agent.send(by_header(&pothole(3), "caf\u{e9}")).await;
    bad.assert_refused(422, "client_ref_invalid");
    assert_eq!(app.place.number(REPORTS), 3);
    app.stop().await;
}

async fn fifty_at_once_with_one_reference_are_one_report(app: TestApp) {
    let agent = app.agent();
    let mut report = pothole(1);
    report["client_ref"] = json!("all the same");
    let answers = join_all((0..50).map(|_| agent.post("/v1/reports", &report))).await;
    let made = answers.iter().filter(|a| a.status == 201).count();
    assert_eq!(made, 1, "{answers:?}");
    let ids: Vec<_> = answers.iter().map(|a| a.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(
        answers
            .iter()
            .all(|a| a.status == 201 || a.json()["duplicate_of_request"] == true)
    );
    assert_eq!(app.place.number(REPORTS), 1);
    app.issue_of(ids[0].as_i64().unwrap()).await;
    assert_eq!(app.place.number("SELECT count(*) FROM civic_issues"), 1);
    app.stop().await;
}

async fn a_tenant_may_refuse_the_public(app: TestApp) {
    let mut report = pothole(1);
    let nowhere = app.public().post("/v1/reports", &report).await;
    nowhere.assert_refused(422, "tenant_required");
    report["tenant_id"] = json!(app.acme.id);
    let taken = app.public().post("/v1/reports", &report).await;
    taken.assert_status(201);
    app.configure(&json!({"intake": {"anonymous": false}}))
        .await;
    let refused = app.public().post("/v1/reports", &report).await;
    refused.assert_refused(403, "anonymous_not_allowed");
    let reporter = app.caller(Role::Reporter);
    reporter
        .post("/v1/reports", &report)
        .await
        .assert_status(201);
    report["tenant_id"] = json!(987_654);
    let unknown = app.public().post("/v1/reports", &report).await;
    unknown.assert_refused(422, "tenant_unknown");
    app.stop().await;
}

/// Field and code of each refusal.
fn named(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.assert_status(422);
    let errors = body["errors"].as_array().unwrap();
    let text = |v: &Value| {
        v.as_str()
            .unwrap_or_default()
            .rsplit('.')
            .next()
            .unwrap()
            .to_owned()
    };
    errors
        .iter()
        .map(|e| {
            assert!(e["message"].is_string(), "{e}");
            let field = e["field"].as_str().unwrap().to_owned();
            (field, text(&e["code"]))
        })
        .collect()
}

async fn every_wrong_field_is_named_at_once(app: TestApp) {
    let wrong = json!({
        "description": " too \u{0}short ",
        "location": "x".repeat(256),
        "lat": 91.0,
        "lon": 10.0,
        "category": "volcano",
        "severity": "apocalyptic",
        "media": ["http://plain.example/a.jpg"],
        "submitted_at": "2020-01-01T00:00:00Z",
        "contact": {"email": "nobody", "phone": "call me"},
        "client_ref": "",
    });
    let answer = app.caller(Role::Reporter).post("/v1/reports", &wrong).await;
    let named = named(&answer);
    let named: Vec<_> = named
        .iter()
        .map(|(field, code)| (field.as_str(), code.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("description", "description_too_short"),
            ("location", "location_too_long"),
            ("lat", "coordinates_invalid"),
            ("category", "category_unknown"),
            ("severity", "severity_unknown"),
            ("media[0]", "media_invalid"),
            ("submitted_at", "timestamp_invalid"),
            ("contact.email", "contact_invalid"),
            ("contact.phone", "contact_invalid"),
            ("client_ref", "client_ref_invalid"),
        ]
    );
    assert_eq!(app.place.number(REPORTS), 0);
    app.stop().await;
}

async fn each_field_has_its_code(app: TestApp) {
    app.configure(&json!({"intake": {
        "bounds": [29.0, -91.0, 35.0, -80.0], "media_hosts": ["img.example"],
    }}))
    .await;
    let soon = app.clock.now() + std::time::Duration::from_hours(1);
    let cases = [
        (
            json!({"description": "x".repeat(4_001)}),
            "description",
            "description_too_long",
        ),
        (
            json!({"description": "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\u{e}ab"}),
            "description",
            "description_too_short",
        ),
        (
            json!({"lat": 0.0, "lon": 0.0}),
            "lat",
            "coordinates_invalid",
        ),
        (
            json!({"lat": 30.0, "lon": null}),
            "lon",
            "coordinates_invalid",
        ),
        (json!({"lat": null}), "lat", "coordinates_invalid"),
        (json!({"lon": -180.5}), "lat", "coordinates_invalid"),
        (
            json!({"lat": 52.5, "lon": 13.4}),
            "lat",
            "outside_service_area",
        ),
        (
            json!({"lat": null, "lon": null, "location": " "}),
            "location",
            "location_required",
        ),
        (
            json!({"submitted_at": soon.to_string()}),
            "submitted_at",
            "timestamp_invalid",
        ),
        (
            json!({"media": ["https://img.example.evil/a"]}),
            "media[0]",
            "media_invalid",
        ),
        (
            json!({"media": vec!["https://img.example/a"; 6]}),
            "media",
            "media_invalid",
        ),
        (
            json!({"contact": {"name": "n".repeat(201)}}),
            "contact.name",
            "contact_invalid",
        ),
        (
            json!({"client_ref": "x".repeat(129)}),
            "client_ref",
            "client_ref_invalid",
        ),
        (
            json!({"client_ref": "tab\tbed"}),
            "client_ref",
            "client_ref_invalid",
        ),
    ];
    for (change, field, code) in cases {
        let mut report = pothole(1);
        for (name, value) in change.as_object().unwrap() {
            report[name] = value.clone();
        }
        let answer = app.agent().post("/v1/reports", &report).await;
        assert_eq!(named(&answer), [(field.to_owned(), code.to_owned())]);
    }
    let mut report = pothole(1);
    report["description"] = json!(format!("pot\u{0}hole {}", "é".repeat(3_992)));
    report["media"] = json!(["https://img.example/a.jpg"]);
    report["submitted_at"] = json!("2026-03-01T00:00:00Z");
    let made = app.agent().post("/v1/reports", &report).await;
    let id = made.assert_status(201)["id"].as_i64().unwrap();
    let read = app.agent().get(&format!("/v1/reports/{id}")).await.json();
    assert_eq!(read["submitted_at"], "2026-03-01T00:00:00Z");
    assert_eq!(read["description"].as_str().unwrap().chars().count(), 4_000);
    app.stop().await;
}

async fn bodies_that_are_no_reports_are_refused(app: TestApp) {
    let agent = app.agent();
    let post = |kind: &str, body: &str| {
        let call = Call::new("POST", "/v1/reports").text(kind, body.to_owned());
        let agent = agent.clone();
        async move { agent.send(call).await }
    };
    let plain = post("text/plain", "a large pothole").await;
    plain.assert_refused(415, "unsupported_media_type");
    let form = post("application/x-www-form-urlencoded", "description=pothole").await;
    assert_eq!(form.status, 415);
    for broken in [
        "",
        "{",
        "{\"description\": \"a large pothole\"",
        "nonsense",
        "\u{feff}{}",
    ] {
        let answer = post("application/json", broken).await;
        assert_eq!(answer.status, 400, "{broken:?} {answer:?}");
    }
    let binary = Call::new("POST", "/v1/reports").text("application/json", vec![0xff, 0xfe, 0x00]);
    assert_eq!(agent.send(binary).await.status, 400);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!([400, 422].contains(&post("application/json", &deep).await.status));
    for shape in [
        "[]",
        "null",
        "7",
        r#"{"description": 7}"#,
        r#"{"lat": "north"}"#,
    ] {
        let answer = post("application/json", shape).await;
        assert_eq!(answer.status, 422, "{shape:?} {answer:?}");
    }
    let mut report = pothole(1);
    report["colour"] = json!("red");
    let unknown = agent.post("/v1/reports", &report).await;
    assert_eq!(unknown.status, 422);
    let error = unknown.json()["errors"][0].clone();
    assert_eq!(
        (&error["field"], &error["code"]),
        (&json!("colour"), &json!("unknown_field"))
    );
    let large = json!({"description": "x".repeat(1 << 20)}).to_string();
    let refused = agent
        .try_send(&Call::new("POST", "/v1/reports").text("application/json", large.clone()))
        .await;
    // The node need not read what it refuses, so the connection may end first.
    assert!(refused.is_none_or(|answer| answer.status == 413));
    assert_eq!(
        chunked(&app, &large).await,
        "HTTP/1.1 413 Payload Too Large"
    );
    assert_eq!(
        chunked(&app, &pothole(1).to_string()).await,
        "HTTP/1.1 201 Created"
    );
    assert_eq!(app.place.number(REPORTS), 1);
    app.stop().await;
}

/// The status line of a report that is sent in pieces, without saying how long it is.
async fn chunked(app: &TestApp, body: &str) -> String {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    let (read, mut write) = stream.into_split();
    let head = format!(
        "POST /v1/reports HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        app.acme.key(Role::Agent)
    );
    let pieces: Vec<u8> = body
        .as_bytes()
        .chunks(16_384)
        .flat_map(|piece| {
            let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
            framed.extend_from_slice(piece);
            framed.extend_from_slice(b"\r\n");
            framed
        })
        .collect();
    let sending = async {
        write.write_all(head.as_bytes()).await?;
        write.write_all(&pieces).await?;
        write.write_all(b"0\r\n\r\n").await
    };
    let mut line = String::new();
    let mut answer = BufReader::new(read);
    let (sent, read) = tokio::join!(sending, answer.read_line(&mut line));
    // What is refused need not be read to its end.
    drop(sent);
    read.unwrap();
    line.trim_end().to_owned()
}

async fn a_batch_stores_what_is_right_and_names_what_is_wrong(app: TestApp) {
    let mut reports: Vec<Value> = (0..100).map(pothole).collect();
    reports[3] = json!({"description": "short", "lat": 1.0});
    reports[50]["category"] = json!("volcano");
    reports[98]["client_ref"] = json!("twice");
    reports[99] = reports[98].clone();
    let answer = app
        .agent()
        .post("/v1/reports/batch", &json!({"reports": reports}))
        .await;
    let body = answer.assert_status(200);
    assert_eq!(
        (&body["accepted"], &body["rejected"]),
        (&json!(98), &json!(2))
    );
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), 100);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
        assert_eq!(result["id"].is_i64(), index != 3 && index != 50, "{result}");
    }
    assert_eq!(results[3]["errors"][0]["code"], "description_too_short");
    assert_eq!(results[50]["errors"][0]["field"], "category");
    assert_eq!(results[98]["id"], results[99]["id"]);
    assert_eq!(results[99]["duplicate_of_request"], true);
    assert_eq!(app.place.number(REPORTS), 97);
    app.settled().await;
    assert_eq!(app.place.number("SELECT count(*) FROM civic_issues"), 97);
    for (size, status) in [(0, 422), (1_001, 422), (1_000, 200)] {
        let reports: Vec<Value> = (0..size).map(|i| pothole(1_000 + i)).collect();
        let call = app
            .agent()
            .post("/v1/reports/batch", &json!({"reports": reports}));
        assert_eq!(call.await.status, status, "{size} reports");
    }
    let large = json!({"reports": [{"description": "x".repeat(5 << 20)}]}).to_string();
    let call = Call::new("POST", "/v1/reports/batch").text("application/json", large);
    let refused = app.agent().try_send(&call).await;
    assert!(refused.is_none_or(|answer| answer.status == 413));
    app.stop().await;
}

async fn a_batch_may_be_all_or_nothing(app: TestApp) {
    let path = "/v1/reports/batch?atomic=true";
    let mut reports: Vec<Value> = (0..10).map(pothole).collect();
    reports[4] = json!({"description": "short", "lat": 1.0});
    let answer = app.agent().post(path, &json!({"reports": reports})).await;
    assert_eq!(
        named(&answer),
        [
            ("reports[4].description", "description_too_short"),
            ("reports[4].lon", "coordinates_invalid"),
        ]
        .map(|(field, code)| (field.to_owned(), code.to_owned()))
    );
    assert_eq!(app.place.number(REPORTS), 0);
    reports[4] = pothole(4);
    let answer = app.agent().post(path, &json!({"reports": reports})).await;
    assert_eq!(answer.assert_status(200)["accepted"], 10);
    assert_eq!(app.place.number(REPORTS), 10);
    app.stop().await;
}

async fn a_report_belongs_to_the_tenant_of_its_caller(app: TestApp) {
    let mut report = pothole(1);
    report["tenant_id"] = json!(app.other.id);
    let foreign = app.agent().post("/v1/reports", &report).await;
    assert_eq!(foreign.status, 403, "{foreign:?}");
    let body = json!({"reports": [report]});
    let mixed = app.agent().post("/v1/reports/batch", &body).await;
    mixed.assert_refused(422, "tenant_mixed");
    let public = app.public().post(
        "/v1/reports/batch",
        &json!({
            "tenant_id": app.acme.id, "reports": [pothole(1)],
        }),
    );
    assert_eq!(public.await.status, 401);
    let platform = app.platform().post("/v1/reports", &report).await;
    let id = platform.assert_status(201)["id"].clone();
    let hidden = app.agent().get(&format!("/v1/reports/{id}")).await;
    hidden.assert_refused(404, "not_found");
    app.stop().await;
}
