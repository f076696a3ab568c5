//! Who wins when people, an import, a model and the rules disagree about a report.

use super::{Classification, ClassifiedBy};
use crate::model::{Category, Severity};
use serde::{Deserialize, Serialize};

/// A model this sure goes before the rules.
const LLM_SURE: f64 = 0.6;
/// Rules this sure go before the reporter's hint.
const RULES_SURE: f64 = 0.5;
/// A model this sure may take a critical back to high.
const LLM_MAY_CALM: f64 = 0.8;

/// What a person or an imported row said, each part on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The category, if one was given.
    pub category: Option<Category>,
    /// The severity, if one was given.
    pub severity: Option<Severity>,
}

/// What came along with a report from outside, by how far it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The public's own word: evidence, not a decision.
    Reporter(Choice),
    /// An import without `trust`: like the public's word.
    Import(Choice),
    /// An import with `trust`: a decision.
    TrustedImport(Choice),
}

/// Everything known about one report's class.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The rules always have an answer.
    pub rules: &'a Classification,
    /// The model's answer, if it was asked and gave a valid one.
    pub llm: Option<&'a Classification>,
    /// What the report brought along.
    pub hint: Option<Hint>,
    /// What staff chose.
    pub staff: Choice,
}

/// The one class of a report.
///
/// The category is the first of: staff, a trusted import, a model sure to 0.6, rules sure to 0.5, the reporter's hint,
/// the surer of model and rules. The severity is staff's or a trusted import's; otherwise it is the stronger machine's, with
/// two limits. A critical of the rules stays critical unless the model is sure to 0.8, and then becomes high at the
/// lowest. A hint raises by one level at most and never to critical; it lowers nothing. The anchor is always the
/// rules', because issues are matched by it. Confidence is 1 for decisions, and for a hint that of the machine when it
/// agrees, else 0.
pub fn decide(evidence: &Evidence<'_>) -> Classification {
    let Evidence { rules, llm, .. } = *evidence;
    let (machine, machine_by, machine_sure) = match llm {
        Some(llm) if llm.confidence >= LLM_SURE => (llm, ClassifiedBy::Llm, true),
        _ if rules.confidence >= RULES_SURE => (rules, ClassifiedBy::Rules, true),
        Some(llm) if llm.confidence >= rules.confidence => (llm, ClassifiedBy::Llm, false),
        _ => (rules, ClassifiedBy::Rules, false),
    };
    let (trusted, hint, hint_by) = match evidence.hint {
        Some(Hint::TrustedImport(choice)) => (choice, Choice::default(), ClassifiedBy::Import),
        Some(Hint::Import(choice)) => (Choice::default(), choice, ClassifiedBy::Import),
        Some(Hint::Reporter(choice)) => (Choice::default(), choice, ClassifiedBy::Reporter),
        None => (Choice::default(), Choice::default(), ClassifiedBy::Reporter),
    };
    let (category, classified_by) = match (evidence.staff.category, trusted.category, hint.category)
    {
        (Some(category), _, _) => (category, ClassifiedBy::Staff),
        (None, Some(category), _) => (category, ClassifiedBy::Import),
        (None, None, Some(category)) if !machine_sure => (category, hint_by),
        _ => (machine.category, machine_by),
    };
    let confidence = match classified_by {
        ClassifiedBy::Staff => 1.0,
        ClassifiedBy::Import if trusted.category.is_some() => 1.0,
        _ if category == machine.category => machine.confidence,
        _ => 0.0,
    };
    let severity = evidence
        .staff
        .severity
        .or(trusted.severity)
        .unwrap_or_else(|| {
            let found = keep_alarm(rules, machine);
            hint.severity.map_or(found, |hinted| raised(found, hinted))
        });
    Classification {
        category,
        severity,
        confidence,
        anchor: rules.anchor.clone(),
        summary: machine.summary.clone(),
        sensitive: rules.sensitive || machine.sensitive,
        classified_by,
    }
}

fn keep_alarm(rules: &Classification, machine: &Classification) -> Severity {
    if rules.severity != Severity::Critical {
        machine.severity
    } else if machine.confidence >= LLM_MAY_CALM {
        machine.severity.max(Severity::High)
    } else {
        Severity::Critical
    }
}

fn raised(found: Severity, hinted: Severity) -> Severity {
    let one_higher = match found {
        Severity::Low => Severity::Medium,
        Severity::Medium | Severity::High => Severity::High,
        Severity::Critical => Severity::Critical,
    };
    found.max(hinted.min(one_higher))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(
        by: ClassifiedBy,
        category: Category,
        severity: Severity,
        confidence: f64,
    ) -> Classification {
        Classification {
            category,
            severity,
            confidence,
            anchor: (by == ClassifiedBy::Rules).then(|| "pothole".to_owned()),
            summary: by.as_str().to_owned(),
            sensitive: false,
            classified_by: by,
        }
    }

    fn rules(confidence: f64) -> Classification {
        class(
            ClassifiedBy::Rules,
            Category::Infrastructure,
            Severity::Medium,
            confidence,
        )
    }

    fn llm(confidence: f64) -> Classification {
        class(
            ClassifiedBy::Llm,
            Category::Safety,
            Severity::High,
            confidence,
        )
    }

    fn choice(category: Category) -> Choice {
        Choice {
            category: Some(category),
            severity: None,
        }
    }

    #[test]
    fn each_rank_beats_the_ones_below() {
        let noise = Hint::Reporter(choice(Category::Noise));
        let trusted = Hint::TrustedImport(choice(Category::Sanitation));
        let untrusted = Hint::Import(choice(Category::Sanitation));
        let nobody = Choice::default();
        let staff = choice(Category::Other);
        for (r, l, hint, staff, expected_by, expected, confidence) in [
            (
                0.9,
                Some(0.9),
                Some(trusted),
                staff,
                ClassifiedBy::Staff,
                Category::Other,
                1.0,
            ),
            (
                0.9,
                Some(0.9),
                Some(trusted),
                nobody,
                ClassifiedBy::Import,
                Category::Sanitation,
                1.0,
            ),
            (
                0.9,
                Some(0.6),
                Some(noise),
                nobody,
                ClassifiedBy::Llm,
                Category::Safety,
                0.6,
            ),
            (
                0.5,
                Some(0.59),
                Some(noise),
                nobody,
                ClassifiedBy::Rules,
                Category::Infrastructure,
                0.5,
            ),
            (
                0.49,
                Some(0.59),
                Some(noise),
                nobody,
                ClassifiedBy::Reporter,
                Category::Noise,
                0.0,
            ),
            (
                0.49,
                Some(0.59),
                Some(untrusted),
                nobody,
                ClassifiedBy::Import,
                Category::Sanitation,
                0.0,
            ),
            (
                0.49,
                Some(0.59),
                None,
                nobody,
                ClassifiedBy::Llm,
                Category::Safety,
                0.59,
            ),
            (
                0.49,
                Some(0.3),
                None,
                nobody,
                ClassifiedBy::Rules,
                Category::Infrastructure,
                0.49,
            ),
            (
                0.0,
                None,
                None,
                nobody,
                ClassifiedBy::Rules,
                Category::Infrastructure,
                0.0,
            ),
        ] {
            let (rules, llm) = (rules(r), l.map(llm));
            let got = decide(&Evidence {
                rules: &rules,
                llm: llm.as_ref(),
                hint,
                staff,
            });
            assert_eq!(
                (got.classified_by, got.category),
                (expected_by, expected),
                "{r} {l:?} {hint:?}"
            );
            assert!((got.confidence - confidence).abs() < 1e-12, "{got:?}");
            assert_eq!(got.anchor.as_deref(), Some("pothole"));
        }
    }

    #[test]
    fn a_hint_raises_by_one_level_and_never_to_critical() {
        use Severity::{Critical, High, Low, Medium};
        for (found, hinted, expected) in [
            (Low, Critical, Medium),
            (Low, Low, Low),
            (Medium, Critical, High),
            (High, Critical, High),
            (High, Low, High),
            (Critical, Low, Critical),
        ] {
            let rules = class(ClassifiedBy::Rules, Category::Other, found, 0.7);
            let severity = Some(hinted);
            let hint = Choice {
                category: None,
                severity,
            };
            let ask = |hint| {
                decide(&Evidence {
                    rules: &rules,
                    llm: None,
                    hint: Some(hint),
                    staff: Choice::default(),
                })
                .severity
            };
            assert_eq!(ask(Hint::Reporter(hint)), expected, "{found:?} {hinted:?}");
            assert_eq!(ask(Hint::Import(hint)), expected);
            assert_eq!(ask(Hint::TrustedImport(hint)), hinted);
        }
    }

    #[test]
    fn a_model_calms_an_alarm_only_when_sure_and_only_to_high() {
        let alarm = class(
            ClassifiedBy::Rules,
            Category::Safety,
            Severity::Critical,
            0.75,
        );
        for (confidence, severity, expected) in [
            (0.79, Severity::Low, Severity::Critical),
            (0.80, Severity::Low, Severity::High),
            (0.95, Severity::Critical, Severity::Critical),
        ] {
            let llm = class(ClassifiedBy::Llm, Category::Noise, severity, confidence);
            let got = decide(&Evidence {
                rules: &alarm,
                llm: Some(&llm),
                hint: None,
                staff: Choice::default(),
            });
            assert_eq!((got.category, got.severity), (Category::Noise, expected));
        }
    }
}
