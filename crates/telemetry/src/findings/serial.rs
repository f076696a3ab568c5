//! Reads that waited for each other without need.
//!
//! Judged are runs of at least three reads outside a transaction, each asked for once the one before was answered, with
//! nothing written in between. None may have a parameter that came, or may have been computed, from an answer of the
//! others. A read that answers one row or none, or one value, may be the condition for the next (is it there? is it
//! allowed?), so a run counts when one of those before its last answers a list, or when it is so long that they cannot
//! all be conditions. Two reads are never enough: the first may decide whether the second is asked.

use brisk_core::{AnswerShape, FindingKind, Print, PrintKind, TraceEvent, Way};

use super::Finding;

/// Reads that make a run.
const RUN: usize = 3;

/// Reads of which at most one is a condition for the others.
const LONG_RUN: usize = 5;

/// Whole numbers up to this stand in the code more often than they come from an answer.
const CONSTANT: i64 = 1_000;

pub(super) fn find(events: &[&TraceEvent], others: &[Finding]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut run: Vec<&TraceEvent> = Vec::new();
    for (i, event) in events.iter().copied().enumerate() {
        let side_by_side = events[..i].iter().rev().take(64).any(|e| e.overlaps(event))
            || events.get(i + 1).is_some_and(|e| e.overlaps(event));
        let judged = !event.writes
            && !event.failed
            && event.transaction == 0
            && event.way != Way::Batch
            && !side_by_side
            && !others.iter().any(|f| f.statement == event.statement);
        if !judged {
            close(&mut run, &mut found);
            continue;
        }
        let known: Vec<Print> = known_before(events, &run, event);
        if run.iter().any(|e| e.statement == event.statement)
            || run.last().is_some_and(|e| is_meant(e) != is_meant(event))
            || run.iter().any(|earlier| needs(event, earlier, &known))
        {
            close(&mut run, &mut found);
        }
        run.push(event);
    }
    close(&mut run, &mut found);
    found
}

fn close(run: &mut Vec<&TraceEvent>, found: &mut Vec<Finding>) {
    let reads = std::mem::take(run);
    let lists = reads.split_last().map_or(0, |(_, before)| {
        before.iter().filter(|e| is_list(e)).count()
    });
    if reads.len() < RUN || (lists == 0 && reads.len() < LONG_RUN) {
        return;
    }
    let names: Vec<&str> = reads.iter().map(|e| &*e.statement).collect();
    let advice = format!(
        "read together what does not wait for another: {}",
        names.join(", ")
    );
    found.extend(Finding::new(FindingKind::SerialReads, &reads, advice));
}

/// Whether its place in a row is meant to be. Such reads and others are judged apart, so that none excuses another.
fn is_meant(event: &TraceEvent) -> bool {
    event.excuse_for(FindingKind::SerialReads).is_some()
}

/// Whether what it answers can hardly be a mere condition.
fn is_list(event: &TraceEvent) -> bool {
    match event.shape {
        AnswerShape::List => true,
        // Several values, of which none alone decides.
        AnswerShape::One => event.outputs.len() > 1,
        AnswerShape::Maybe | AnswerShape::Affected => false,
    }
}

/// The values that were at hand before the run began.
fn known_before(events: &[&TraceEvent], run: &[&TraceEvent], event: &TraceEvent) -> Vec<Print> {
    let first = run.first().map_or(event.began, |first| first.began);
    events
        .iter()
        .filter(|e| e.began <= first)
        .flat_map(|e| e.params.iter().chain(&e.elements))
        .map(|p| p.plain())
        .collect()
}

/// Whether `later` has, or may have, a value from the answer of `earlier`.
fn needs(later: &TraceEvent, earlier: &TraceEvent, known: &[Print]) -> bool {
    // An array is judged by its elements.
    let whole = |p: &&Print| later.keys == 0 || p.kind() != PrintKind::Compound;
    let params = later.params.iter().filter(whole);
    params.chain(&later.elements).any(|value| {
        if known.contains(&value.plain()) || earlier.params.contains(value) {
            return false;
        }
        let answered = earlier.outputs.iter().any(|o| o.plain() == value.plain());
        answered || may_be_computed(*value, earlier)
    })
}

/// Whether a value that was not at hand before may come out of a computation with the answer.
fn may_be_computed(value: Print, from: &TraceEvent) -> bool {
    match value.kind() {
        // They stand in the code, or in the request.
        PrintKind::Constant => false,
        PrintKind::Int => value.number().is_none_or(|n| n.abs() > CONSTANT),
        // Mostly the present less a period, and the words of a filter; unless there is more than can be seen.
        PrintKind::Instant | PrintKind::Text => from.cut,
        PrintKind::Bytes | PrintKind::Float | PrintKind::Compound => true,
    }
}
