//! The specification's vectors, the labelled texts, and what must hold for any text.

use super::*;
use crate::model::{Category, Severity};
use proptest::prelude::*;
use serde::Deserialize;

const VECTORS: &str = "
Large pothole on Main Street, cars swerve to avoid it|infrastructure|high|0.80|pothole
Streetlight out at 5th and Oak, street is very dark|infrastructure|medium|0.67|streetlight
Gas leak smell near the school entrance|infrastructure|critical|0.60|gas
I smell gas in the basement|safety|critical|0.75|gas
Garbage has not been collected for two weeks|sanitation|medium|0.75|refuse
Rats in the courtyard near the bins|sanitation|medium|0.83|rodent
Someone dumped old mattresses behind the mall|sanitation|medium|0.67|dumping
Loud music every night after midnight, we cannot sleep|noise|low|0.83|loud_music
Neighbor's dog barking all day|noise|low|0.80|dog_noise
Graffiti on the park wall|maintenance|medium|0.80|graffiti
Broken swing in the playground|maintenance|high|0.83|broken swing
Small crack in the sidewalk, not urgent|infrastructure|low|0.75|sidewalk
Minor scratch on lobby door|maintenance|low|0.67|door
Man with a knife threatening people at the station|safety|high|0.75|knife
Traffic light not working at Main and 1st, near accident today|infrastructure|high|0.50|signal
Water main burst, street is flooding|infrastructure|high|0.83|water_leak
No heat in apartment 4B since Monday|maintenance|high|0.75|heat
Elevator stuck with people trapped inside|infrastructure|critical|0.67|elevator
Nobody was injured but the bridge railing is loose|infrastructure|medium|0.50|bridge
Dead tree leaning over the road|maintenance|medium|0.60|tree
Used needles found in kindergarten sandbox|sanitation|high|0.75|needle
Please add more bike lanes|other|medium|0.00|-
Fire in trash container behind building 7|safety|critical|0.43|fire
There is no danger, just a faded crosswalk|infrastructure|low|0.67|crosswalk
asdf qwer|other|medium|0.00|-
Sewage coming up from the drain|infrastructure|high|0.80|sewer
Broken glass everywhere and an unlocked gate|maintenance|medium|0.50|gate
Toilet on 3rd floor is clogged again|maintenance|medium|0.67|toilet
Abandoned car with broken window|maintenance|medium|0.60|broken window
Fire hydrant is leaking|infrastructure|medium|0.50|fire hydrant";

#[test]
fn the_thirty_vectors_hold_to_the_printed_digit() {
    let rules = Rules::builtin();
    let mut count = 0;
    for line in VECTORS.trim().lines() {
        count += 1;
        let fields: Vec<&str> = line.split('|').collect();
        let class = rules.classify(fields[0]);
        let got = [
            class.category.as_str().to_owned(),
            class.severity.as_str().to_owned(),
            format!("{:.2}", class.confidence),
            class.anchor.unwrap_or_else(|| "-".to_owned()),
        ];
        assert_eq!(got, fields[1..], "C{count}: {}", fields[0]);
        assert_eq!(class.classified_by, ClassifiedBy::Rules);
    }
    assert_eq!(count, 30);
}

#[test]
fn care_raises_a_medium_severity_only() {
    let rules = Rules::builtin();
    let swing = rules.classify("Broken swing in the playground");
    assert!(swing.sensitive);
    let gas = rules.classify("Gas leak smell near the school entrance");
    assert!(!gas.sensitive);
    let small = rules.classify("Small crack in the sidewalk at the school");
    assert_eq!((small.severity, small.sensitive), (Severity::Low, false));
}

#[test]
fn negators_reach_three_words_and_spare_terms_that_start_with_one() {
    let rules = Rules::builtin();
    for (text, category) in [
        ("there was no visible big fire", Category::Other),
        ("there isn\u{2019}t any fire", Category::Other),
        ("no one at all saw that fire", Category::Safety),
        ("no fire extinguisher here", Category::Safety),
    ] {
        assert_eq!(rules.classify(text).category, category, "{text}");
    }
}

#[test]
fn shields_take_the_alarm_out_of_a_phrase() {
    let rules = Rules::builtin();
    let truck = rules.classify("A fire truck stands in the yard");
    assert_eq!(
        (truck.category, truck.severity),
        (Category::Other, Severity::Medium)
    );
    let both = rules.classify("Fire next to the fire station");
    assert_eq!(
        (both.category, both.severity),
        (Category::Safety, Severity::Critical)
    );
}

#[test]
fn a_text_without_any_term_keeps_its_first_hundred_characters() {
    let text = format!("Dear city. {}", "käse ".repeat(40));
    let summary = Rules::builtin().classify(&text).summary;
    assert_eq!(summary, text.chars().take(100).collect::<String>());
    let found = Rules::builtin().classify("Dear city. There is a pothole");
    assert_eq!(found.summary, "Dear city.");
}

#[test]
fn a_tenant_adds_terms_weights_and_anchors() {
    let extra: ExtraRules = serde_json::from_str(
        r#"{"terms": {"maintenance": {"3": ["minibar"], "9": ["door"]}}, "severity": {"high": ["minibars"]},
            "anchors": {"fridge": ["minibar"], "entry": ["door"]}, "shields": ["fire pit"], "negators": ["hardly"]}"#,
    )
    .unwrap();
    let rules = Rules::with_extra(&extra).unwrap();
    let class = rules.classify("Minibar in 204 is warm");
    assert_eq!(class.anchor.as_deref(), Some("fridge"));
    assert_eq!(
        (class.category, class.severity),
        (Category::Maintenance, Severity::High)
    );
    let door = rules.classify("doors");
    assert_eq!(door.anchor.as_deref(), Some("entry"));
    assert!((door.confidence - 0.9).abs() < 1e-12);
    assert_eq!(
        rules.classify("the fire pit is cold").category,
        Category::Other
    );
    assert_eq!(rules.classify("hardly a danger").category, Category::Other);
    assert_eq!(
        Rules::builtin().classify("Minibar in 204 is warm").category,
        Category::Other
    );

    let bad: ExtraRules = serde_json::from_str(r#"{"shields": [""]}"#).unwrap();
    assert_eq!(
        Rules::with_extra(&bad).unwrap_err(),
        PackError::BadTerm(String::new())
    );
}

#[derive(Deserialize)]
struct Labelled {
    text: String,
    category: Category,
}

#[test]
fn three_of_four_labelled_texts_get_their_category() {
    let rules = Rules::builtin();
    let (mut right, mut all) = (0_u32, 0_u32);
    let mut missed = Vec::new();
    for line in include_str!("../../../data/labelled_en.ndjson").lines() {
        let labelled: Labelled = serde_json::from_str(line).unwrap();
        let got = rules.classify(&labelled.text).category;
        all += 1;
        if got == labelled.category {
            right += 1;
        } else {
            missed.push(format!(
                "{:?} not {:?}: {}",
                got, labelled.category, labelled.text
            ));
        }
    }
    assert!(all >= 120);
    let accuracy = f64::from(right) / f64::from(all);
    assert!(
        accuracy >= 0.75,
        "category accuracy {accuracy:.3} ({right} of {all}) is below 0.75:\n{}",
        missed.join("\n")
    );
}

proptest! {
    #[test]
    fn any_text_has_a_class(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_mix_of_terms_has_a_class(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "no", "fire", "alarm", "test", "exit", "emergency", "gas", "smell", "of", "street", "light", "not",
                "working", "hole", "in", "the", "road", "door", "lock", "é", "ﬁre", "'", "dump", "dumped", "school",
            ]),
            0..90,
        )
    ) {
        check(&words.join(" "));
    }
}

fn check(text: &str) {
    let class = Rules::builtin().classify(text);
    assert!((0.0..1.0).contains(&class.confidence));
    assert_eq!(class.anchor.is_none(), class.category == Category::Other);
    assert!(class.summary.chars().count() <= 140);
    assert!(!class.sensitive || class.severity == Severity::High);
}
