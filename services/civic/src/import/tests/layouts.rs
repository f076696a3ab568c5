//! One file of each city, with that city's traps.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::{
    Agreement, Options, Outcome, Preset, Reader, Repeat, Repeats, RowCode, RowStatus, on_time,
};
use super::{boston, errors, read_all, rows};
use crate::model::Category;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const BOSTON: &str = "\
case_enquiry_id,open_dt,target_dt,closed_dt,ontime,case_status,closure_reason,case_title,subject,reason,type,queue,department,location,neighborhood,ward,location_street_name,location_zipcode,latitude,longitude,source
101000000001,2011-07-01 01:32:33,2011-07-15 01:32:32,2011-07-01 05:06:58,ONTIME,Closed,\"Case Closed, lamp replaced \",Street Light Outages,Public Works Department,Street Lights,Street Light Outages,PWDx_Lights,PWDx,INTERSECTION of A St & B St  Mattapan  MA  ,Greater Mattapan,Ward 17,A St,,42.2715,-71.0772,Self Service
101000000002,2011-07-02 10:00:00,2011-07-03 10:00:00,2011-07-03 10:00:01,OVERDUE,Closed,,Potholes,Public Works Department,Highway Maintenance,Request for Pothole Repair,,PWDx,,,Ward 1,,02131,0,0,Constituent Call
101000000003,2011-07-02 10:00:00,,,,Open,,Rat Bite,Inspectional Services,Health,Rat Bite,,ISD,,,,,,,,Constituent Call
";

#[test]
fn boston_of_2011_is_read_in_local_time_with_its_verdict() {
    let rows = rows(BOSTON);
    let first = &rows[0];
    assert_eq!(first.external_id.as_deref(), Some("101000000001"));
    assert_eq!(first.submitted_at, at("2011-07-01T05:32:33Z"));
    assert_eq!(first.due_at, Some(at("2011-07-15T05:32:32Z")));
    assert_eq!(
        (first.status, first.verdict),
        (RowStatus::Closed, Some(true))
    );
    assert_eq!(first.category, Some(Category::Infrastructure));
    assert_eq!(
        first.service,
        [
            "Street Light Outages",
            "Street Lights",
            "Public Works Department"
        ]
    );
    assert_eq!(
        (first.description.as_str(), first.composed),
        ("Street Light Outages", false)
    );
    assert_eq!(
        first.location.as_deref(),
        Some("INTERSECTION of A St & B St Mattapan MA")
    );
    assert_eq!((first.lat, first.lon), (Some(42.2715), Some(-71.0772)));
    assert_eq!(first.area.as_deref(), Some("Greater Mattapan"));
    assert_eq!(first.assignee.as_deref(), Some("PWDx"));
    assert_eq!(first.note.as_deref(), Some("Case Closed, lamp replaced"));
    assert_eq!(first.attributes["ward"], "Ward 17");
    assert_eq!(first.attributes["queue"], "PWDx_Lights");
    assert!(!first.attributes.contains_key("location_street_name"));
}

#[test]
fn a_short_title_is_extended_and_a_zero_place_is_dropped_with_a_note() {
    let rows = rows(BOSTON);
    assert_eq!(rows[1].description, "Potholes: Request for Pothole Repair");
    assert_eq!((rows[1].lat, rows[1].lon), (None, None));
    assert_eq!(
        rows[1].attributes["import_notes"][0],
        "coordinates dropped: 0,0"
    );
    assert_eq!(rows[1].attributes["zip"], "02131");
    assert_eq!(rows[2].description, "Rat Bite: Health");
    assert!(
        !rows[2].attributes.contains_key("import_notes"),
        "a blank place is not a wrong one"
    );
}

#[test]
fn the_verdict_of_the_file_is_compared_where_both_times_are_there() {
    let mut agreement = Agreement::default();
    for row in rows(BOSTON) {
        agreement.add(&row);
    }
    assert_eq!(
        (
            agreement.compared,
            agreement.agreed,
            agreement.without_verdict
        ),
        (2, 2, 1)
    );
    assert_eq!(agreement.share(), Some(1.0));
    assert!(on_time(
        at("2011-07-03T10:00:00Z"),
        at("2011-07-03T10:00:00Z")
    ));
    let mut row = rows(BOSTON).remove(1);
    row.verdict = Some(true);
    agreement.add(&row);
    row.closed_at = None;
    agreement.add(&row);
    assert_eq!(
        (agreement.compared, agreement.agreed, agreement.open),
        (3, 2, 1)
    );
}

#[test]
fn the_capitals_of_the_ten_year_sample_are_the_same_layout() {
    let text = "\
CASE_ENQUIRY_ID,OPEN_DT,TARGET_DT,CLOSED_DT,OnTime_Status,CASE_STATUS,CLOSURE_REASON,CASE_TITLE,SUBJECT,REASON,TYPE,Department,Location,neighborhood,LOCATION_ZIPCODE,LATITUDE,LONGITUDE,Geocoded_Location,Source
101001242696,2015-01-05 15:22:38,2015-01-08 03:30:00,2015-01-05 16:37:37,ONTIME,Closed,all set,Requests for Street Cleaning,Public Works Department,Street Cleaning,Requests for Street Cleaning,PWDx,\" \", ,2215.0,42.34,-71.1,0101,Citizens Connect App
";
    let reader = Reader::open(text.as_bytes(), boston()).unwrap();
    assert_eq!(reader.layout().preset(), Preset::Boston311);
    let row = rows(text).remove(0);
    assert_eq!(row.submitted_at, at("2015-01-05T20:22:38Z"));
    assert_eq!(
        (row.location, row.area),
        (None, None),
        "a lone space is missing"
    );
    assert_eq!(row.attributes["zip"], "02215");
    assert!(!row.attributes.contains_key("geocoded_location"));
    assert_eq!(row.category, Some(Category::Sanitation));
}

const BOSTON_2026: &str = "\
_id,case_id,open_date,case_topic,service_name,assigned_department,case_status,closure_reason,closure_comments,close_date,target_close_date,on_time,report_source,full_address,street_number,street_name,zip_code,neighborhood,longitude,latitude
,BCS-00065327,2026-06-01 12:00:00.5+00,Pothole,Pothole,Public Works Department (PWD),Closed,Resolved,filled,2026-06-01 14:00:00+00,2026-06-02 12:00:00.5+00,ONTIME,BOS311,1 A St  Boston  MA  02128,1,A St,2128,East Boston,-71.03,42.37
,101006729639,2026-06-01 12:00:00+00,Needle Pickup,Needle Pickup,GEN_,In progress,,,,2026-06-02 08:30:00+00,OVERDUE,Constituent Call,,,,,,,
,101006729640,,Sign Repair,Sign Repair,BTDT,Open,,,,2026-08-20 08:30:00+00,ONTIME,Constituent Call,,,,,,,
,BCS-00065328,2026-06-01 12:00:00+00,,,,Submit,,,,,ONTIME,Call,,,,,,,
";

#[test]
fn boston_of_2026_reads_every_time_as_local_whatever_its_offset_says() {
    let all = read_all(BOSTON_2026.as_bytes(), boston()).unwrap();
    let [Outcome::Row(new), Outcome::Row(legacy), ..] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!(new.submitted_at, at("2026-06-01T16:00:00.5Z"));
    assert_eq!(new.closed_at, Some(at("2026-06-01T18:00:00Z")));
    assert_eq!(new.description, "Pothole: Public Works Department (PWD)");
    assert_eq!(new.note.as_deref(), Some("Resolved: filled"));
    assert_eq!(new.attributes["zip"], "02128");
    assert_eq!(legacy.submitted_at, at("2026-06-01T16:00:00Z"));
    assert_eq!(legacy.due_at, Some(at("2026-06-02T12:30:00Z")));
    assert_eq!(
        (legacy.status, legacy.category),
        (RowStatus::InProgress, Some(Category::Sanitation))
    );
}

#[test]
fn a_row_without_opening_time_or_any_words_says_so() {
    let errors = errors(BOSTON_2026);
    assert_eq!(errors[0].row_no, 3);
    assert_eq!(errors[0].code, RowCode::TimestampInvalid);
    assert!(errors[0].message.contains("no opening time"));
    assert!(errors[0].raw.starts_with(",101006729640,,Sign Repair"));
    assert_eq!(
        (errors[1].row_no, errors[1].code),
        (4, RowCode::DescriptionTooShort)
    );
}

#[test]
fn new_york_is_composed_from_type_descriptor_and_place() {
    let text = "\
Unique Key,Created Date,Closed Date,Agency,Agency Name,Complaint Type,Descriptor,Location Type,Incident Zip,Incident Address,Cross Street 1,Cross Street 2,Intersection Street 1,Intersection Street 2,City,Status,Due Date,Resolution Description,Community Board,Borough,X Coordinate (State Plane),Open Data Channel Type,Latitude,Longitude,Location
54049402,05/01/2022 12:00:03 AM,05/01/2022 12:07:46 PM,NYPD,New York City Police Department,Noise - Residential,Loud Music/Party,Residential Building/House,10452,1006 GERARD AVENUE,,,,,BRONX,Closed,,Action was taken.,04 BRONX,BRONX,1005536,ONLINE,40.83,-73.92,\"(40.83, -73.92)\"
54049403,05/01/2022 01:00:03 AM,,DOT,Department of Transportation,Street Condition,Pothole,,,,,,A ST,B ST,,In Progress,,,01 QUEENS,Unspecified,,PHONE,,,
";
    let rows = rows(text);
    assert_eq!(rows[0].submitted_at, at("2022-05-01T04:00:03Z"));
    assert_eq!(rows[0].closed_at, Some(at("2022-05-01T16:07:46Z")));
    assert_eq!(
        rows[0].description,
        "Noise - Residential: Loud Music/Party (Residential Building/House)"
    );
    assert_eq!(
        rows[0].location.as_deref(),
        Some("1006 GERARD AVENUE, BRONX, 10452")
    );
    assert_eq!(rows[0].category, Some(Category::Noise));
    assert_eq!(rows[0].attributes["x_coordinate_state_plane"], "1005536");
    assert_eq!(
        rows[0].attributes["agency_name"],
        "New York City Police Department"
    );
    assert_eq!(
        rows[0].attributes["location_type"],
        "Residential Building/House"
    );
    assert!(!rows[0].attributes.contains_key("location"));
    assert_eq!(rows[1].location.as_deref(), Some("A ST & B ST"));
    assert_eq!(rows[1].area.as_deref(), Some("01 QUEENS"));
    assert_eq!((rows[1].lat, rows[1].status), (None, RowStatus::InProgress));
}

const ST_LOUIS: &str = "\
requestid,datetimeinit,probaddress,callertype,neighborhood,ward,problemcode,description,submitto,status,dateinvtdone,datetimeclosed,prjcompletedate,datecancelled,srx,sry
1,2018-01-01 00:48:30.0,75 A RD,WEB,8,16,NOWATER,\"NOWATER (main break, etc.)\",\"WATER DIV,\",CLOSED,NA,2018-01-05 16:22:21.287,2018-01-15 00:00:00.0,NA,875854.877,998434.947
1,2018-01-01 00:48:30.0,75 A RD,WEB,8,16,NOWATER,\"NOWATER (main break, etc.)\",\"WATER DIV,\",CLOSED,NA,2018-01-05 16:22:21.287,2018-01-15 00:00:00.0,NA,875854.877,998434.947
1,2018-01-01 00:48:30.0,75 A RD,PHONE,8,16,NOWATER,\"NOWATER (main break, etc.)\",\"WATER DIV,\",Disptch,NA,NA,NA,NA,NA,NA
2,2018-01-01 05:29:06.0,NA,NA,NA,NA,Noise,Noise,NA,CANCEL,NA,NA,2018-01-15 00:00:00.0,2018-01-02 00:00:00.0,1,2
";

#[test]
fn st_louis_says_na_for_missing_and_gives_plane_coordinates() {
    let options = Options::new(TimeZone::get("America/Chicago").unwrap());
    let all = read_all(ST_LOUIS.as_bytes(), options).unwrap();
    let rows: Vec<_> = all
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Row(row) => *row,
            Outcome::Failed(error) => panic!("{error:?}"),
        })
        .collect();
    assert_eq!(rows[0].submitted_at, at("2018-01-01T06:48:30Z"));
    assert_eq!(rows[0].closed_at, Some(at("2018-01-05T22:22:21.287Z")));
    assert_eq!(rows[0].assignee.as_deref(), Some("WATER DIV"));
    assert!((rows[0].lat.unwrap() - 38.575_464).abs() < 1e-5);
    assert!((rows[0].lon.unwrap() + 90.305_349).abs() < 1e-5);
    assert_eq!(rows[0].attributes["srx"], "875854.877");
    assert_eq!(
        (rows[2].lat, rows[2].due_at, rows[2].closed_at),
        (None, None, None)
    );
    let cancelled = &rows[3];
    assert!(cancelled.sla_excluded() && !rows[0].sla_excluded());
    assert_eq!(cancelled.closed_at, Some(at("2018-01-02T06:00:00Z")));
    assert_eq!(cancelled.description, "Service request: Noise");
    assert_eq!(
        (
            cancelled.location.as_ref(),
            cancelled.area.as_ref(),
            cancelled.lat
        ),
        (None, None, None)
    );
    assert_eq!(
        cancelled.attributes["import_notes"][0],
        "coordinates dropped: 1,2"
    );

    let mut repeats = Repeats::default();
    let found: Vec<Repeat> = rows.iter().map(|row| repeats.check(row)).collect();
    assert_eq!(
        found,
        [
            Repeat::First,
            Repeat::Identical,
            Repeat::Other,
            Repeat::First
        ]
    );
}

#[test]
fn open311_takes_name_and_subtype_where_the_description_is_blank() {
    let text = "\
service_request_id,requested_datetime,closed_date,service_name,service_subtype,description,status_description,status_notes,agency_responsible,address,lat,long,source
7,2024-03-01T10:00:00-05:00,,Pothole,Large,,Hold,,Streets,1 A St,42.1,-71.2,web
8,2024-03-01T10:00:00,2024-03-02T10:00:00Z,Graffiti,,Paint on the school wall,Closed,,,,95,10,web
";
    let rows = rows(text);
    assert_eq!(
        (rows[0].description.as_str(), rows[0].composed),
        ("Pothole: Large", true)
    );
    assert_eq!(
        (rows[0].submitted_at, rows[0].status),
        (at("2024-03-01T15:00:00Z"), RowStatus::OnHold)
    );
    assert_eq!(rows[0].category, Some(Category::Infrastructure));
    assert_eq!(rows[1].submitted_at, at("2024-03-01T15:00:00Z"));
    assert_eq!(rows[1].category, Some(Category::Maintenance));
    assert_eq!(
        rows[1].attributes["import_notes"][0],
        "coordinates dropped: 95,10"
    );
}
