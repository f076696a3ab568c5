//! N+1, and the same question asked twice.
//!
//! N+1 is one statement from one place in the code for one key after the other. It is none where the next key came
//! from the answer before (a cursor, a walk up a tree), where many keys go with each statement, where a failed attempt
//! or a transaction is tried again, or where only the time of asking differs.
//!
//! Keys that are asked for side by side are none either: their callers did not wait for each other. So the longest
//! chain of statements counts in which each began after the one before had ended; where many chains run abreast, as in
//! `each`, the few places at which one follows another say nothing.

use std::collections::HashMap;

use brisk_core::{FindingKind, Print, PrintKind, TraceEvent, Way};

use super::{Finding, Rules};

/// Chains abreast, on average, from which on statements count as asked side by side.
const ABREAST: usize = 8;

/// A statement for so many keys at once is not one of a loop over keys.
const CHUNK: u32 = 16;

/// Clocks that are read anew may have moved on so much more than the time between the statements.
const CLOCK_SLACK: i64 = 1_000_000;

/// Who does nothing for so long before asking again waits for something; nanoseconds.
const POLL: u64 = 5_000_000;

pub(super) fn find(events: &[&TraceEvent], rules: Rules) -> Vec<Finding> {
    let least = usize::try_from(rules.repeats.max(2)).unwrap_or(usize::MAX);
    let mut places: HashMap<_, Vec<&TraceEvent>> = HashMap::new();
    let mut questions: HashMap<_, Vec<&TraceEvent>> = HashMap::new();
    for event in events {
        let counts = match event.way {
            Way::Batch => false,
            // Loads that waited beside others may have shared a statement.
            Way::Load => is_alone(event, events),
            Way::Run | Way::LoadMany => true,
        };
        if event.failed || !counts {
            continue;
        }
        let place = (&event.statement, &event.site, event.transaction);
        places.entry(place).or_default().push(event);
        if !event.writes {
            let question = (&event.statement, &event.params, event.transaction);
            questions.entry(question).or_default().push(event);
        }
    }
    let mut found: Vec<Finding> = places
        .values()
        .filter_map(|group| n_plus_one(group, events, least))
        .collect();
    found.sort_by(|a, b| (&a.statement, a.site.line).cmp(&(&b.statement, b.site.line)));
    for group in questions.values() {
        if let Some(finding) = again(group, events, least)
            && !found.iter().any(|f| f.statement == finding.statement)
        {
            found.push(finding);
        }
    }
    found
}

fn is_alone(event: &TraceEvent, events: &[&TraceEvent]) -> bool {
    events
        .iter()
        .all(|other| std::ptr::eq(*other, event) || !event.overlaps(other))
}

/// The longest chain, from those that ended first.
fn chain<'a>(group: &[&'a TraceEvent]) -> Vec<&'a TraceEvent> {
    let mut by_end = group.to_vec();
    by_end.sort_by_key(|e| e.ended);
    let mut chain: Vec<&TraceEvent> = Vec::new();
    for event in by_end {
        if chain.last().is_none_or(|last| last.ended <= event.began) {
            chain.push(event);
        }
    }
    chain
}

fn n_plus_one(group: &[&TraceEvent], events: &[&TraceEvent], least: usize) -> Option<Finding> {
    let chain = chain(group);
    if chain.len() < least || group.len() >= chain.len() * ABREAST {
        return None;
    }
    let listed = keys_were_listed(&chain, events);
    let mut keys = 1;
    for (i, pair) in chain.windows(2).enumerate() {
        let [before, next] = *pair else { continue };
        let is_new = !chain[..=i].iter().any(|earlier| is_same(earlier, next));
        let continues = !listed && continues(before, next);
        if is_new && !continues && before.keys < CHUNK {
            keys += 1;
        }
    }
    (keys >= least).then(|| {
        let first = chain[0];
        let advice = match (first.way, first.writes) {
            (_, true) => "write all of them in one batch",
            (Way::Load, _) => "ask for all keys at once, with `each`, `with` or `load_many`",
            (Way::LoadMany, _) => "collect the keys of all and load them once",
            _ => "declare a load and ask for all keys at once, with `each`, `with` or `load_many`",
        };
        Finding::new(FindingKind::NPlusOne, group, advice.to_owned())
    })?
}

/// Whether an earlier statement answered all the keys, so that they could have been asked for at once.
fn keys_were_listed(chain: &[&TraceEvent], events: &[&TraceEvent]) -> bool {
    let Some((first, rest)) = chain.split_first() else {
        return false;
    };
    (0..first.params.len()).any(|at| {
        let varies = rest
            .iter()
            .any(|e| e.params.get(at) != first.params.get(at));
        varies
            && events.iter().any(|list| {
                list.ended <= first.began
                    && list.rows > 1
                    && chain.iter().all(|event| {
                        let key = event.params.get(at).map(|key| key.plain());
                        key.is_some_and(|key| list.outputs.iter().any(|o| o.plain() == key))
                    })
            })
    })
}

/// Whether both ask the same, but for the time at which they ask.
fn is_same(before: &TraceEvent, next: &TraceEvent) -> bool {
    let passed = i64::try_from(next.began.saturating_sub(before.began) / 1_000).unwrap_or(i64::MAX);
    before.params.len() == next.params.len()
        && before.params.iter().zip(&next.params).all(|(a, b)| {
            a == b
                || (a.kind() == PrintKind::Instant
                    && b.kind() == PrintKind::Instant
                    && a.number().zip(b.number()).is_some_and(|(a, b)| {
                        (0..=passed.saturating_add(CLOCK_SLACK)).contains(&b.saturating_sub(a))
                    }))
        })
}

/// Whether `next` goes on where the answer before left off: with a value from it, or so many rows further.
fn continues(before: &TraceEvent, next: &TraceEvent) -> bool {
    if before.params.len() != next.params.len() {
        return false;
    }
    let sizes = || {
        let rows = i64::try_from(before.rows).unwrap_or(i64::MAX);
        let numbers = before.params.iter().filter_map(|p| p.number());
        numbers.chain([rows])
    };
    let changed = || {
        before
            .params
            .iter()
            .zip(&next.params)
            .filter(|(a, b)| a != b)
    };
    let from_answer = |value: Print| before.outputs.iter().any(|o| o.plain() == value.plain());
    let further = |(a, b): (&Print, &Print)| {
        let step = a.number().zip(b.number()).map(|(a, b)| b - a);
        step.is_some_and(|step| step > 1 && sizes().any(|size| size == step))
    };
    let elements = || next.elements.iter().all(|e| from_answer(*e));
    changed().any(|(a, b)| from_answer(*b) || further((a, b)))
        || (next.keys > 0 && !next.elements.is_empty() && elements())
}

/// The same question again, with the same answer and nothing written in between, by somebody who did not wait for a
/// change.
fn again(group: &[&TraceEvent], events: &[&TraceEvent], least: usize) -> Option<Finding> {
    let chain = chain(group);
    let mut times = 1;
    for pair in chain.windows(2) {
        let [before, next] = *pair else { continue };
        let between = |e: &&&TraceEvent| e.ended > before.ended && e.began < next.began;
        let disturbed = events
            .iter()
            .filter(between)
            .any(|e| e.writes || e.transaction != next.transaction);
        let busy: u64 = events.iter().filter(between).map(|e| e.nanos()).sum();
        let idle = next.began.saturating_sub(before.ended).saturating_sub(busy);
        if !disturbed && idle < POLL && before.outputs == next.outputs {
            times += 1;
        }
    }
    (times >= least).then(|| {
        let advice = "ask once and pass the answer on".to_owned();
        Finding::new(FindingKind::RepeatedRead, &chain, advice)
    })?
}
