//! What may happen at once. In each: a get that begins after a writer was answered never finds the row of before.

use std::sync::Arc;

use brisk_testkit::chance::is_full;
use loom::sync::Mutex;
use loom::thread;

use crate::board::Tag;
use crate::fault::Fault;
use crate::world::{By, Kept, Takes, World};

const ALL: [By; 3] = [By::Row, By::Tenant, By::Table];

fn explore(most: usize, orders: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(if is_full() { most } else { 2 });
    model.check(orders);
}

/// A load, a commit that is told at once, and somebody who looks at what the load has left.
fn load_against_commit(by: By, takes: Takes) {
    explore(4, move || {
        let world = World::new(None);
        world.tag(by);
        let slot: Arc<Mutex<Option<Kept>>> = Arc::default();
        let writer = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.commit_told_at_once())
        };
        let loader = {
            let (world, slot) = (Arc::clone(&world), Arc::clone(&slot));
            thread::spawn(move || {
                let kept = world.load(by, takes);
                *slot.lock().unwrap() = Some(kept);
            })
        };
        let look = || {
            let kept = slot.lock().unwrap().clone();
            if let Some(kept) = kept {
                world.get(&kept);
            }
        };
        look();
        writer.join().unwrap();
        loader.join().unwrap();
        look();
    });
}

#[test]
fn a_load_against_a_commit() {
    for by in ALL {
        load_against_commit(by, Takes::First);
    }
}

#[test]
#[should_panic(expected = "stale")]
fn a_version_that_is_taken_after_the_load_is_found() {
    load_against_commit(By::Row, Takes::Last);
}

/// An entry from before, a commit whose exact changes are told later, and the look that tells them.
fn entry_against_own_commit(by: By, fault: Option<Fault>) {
    explore(3, move || {
        let world = World::new(fault);
        let before = world.load(by, Takes::First);
        let writer = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.commit_told_later())
        };
        let stream = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.look();
                world.look();
            })
        };
        world.get(&before);
        world.get(&world.load(by, Takes::First));
        writer.join().unwrap();
        stream.join().unwrap();
        world.get(&before);
        // And not for ever: once it is told, what is loaded counts.
        world.look();
        assert!(world.holds(&world.load(by, Takes::First)));
    });
}

#[test]
fn an_entry_against_an_own_commit_that_is_told_later() {
    for by in ALL {
        entry_against_own_commit(by, None);
    }
}

#[test]
#[should_panic(expected = "stale")]
fn a_barrier_that_is_asked_after_the_places_is_found() {
    entry_against_own_commit(By::Row, Some(Fault::BarrierAfterPlaces));
}

/// The first load that ever reads a table, while it is changed: boards and sets of columns are made.
#[test]
fn a_first_load_against_a_commit() {
    for by in ALL {
        explore(4, move || {
            let world = World::new(None);
            let writer = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.commit_told_at_once())
            };
            let kept = world.load(by, Takes::First);
            world.get(&kept);
            writer.join().unwrap();
            world.get(&kept);
        });
    }
}

/// A load against a reset, and a commit after that.
fn load_against_reset(by: By, fault: Option<Fault>) {
    explore(4, move || {
        let world = World::new(fault);
        world.tag(by);
        let stream = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.commit_and_reset();
                world.commit_told_at_once();
            })
        };
        let kept = world.load(by, Takes::First);
        world.get(&kept);
        stream.join().unwrap();
        world.get(&kept);
    });
}

#[test]
fn a_load_against_a_reset() {
    for by in ALL {
        load_against_reset(by, None);
    }
}

#[test]
#[should_panic(expected = "stale")]
fn a_reset_whose_number_is_taken_before_the_lock_is_found() {
    load_against_reset(By::Row, Some(Fault::ResetUnlocked));
}

/// What another node has loaded, a reset, and a commit after that.
fn adopted_against_reset(by: By, takes: Takes) {
    explore(4, move || {
        let world = World::new(None);
        world.look_and_reach();
        world.tag(by);
        let stream = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.commit_and_reset();
                world.look_and_reach();
                world.commit_told_at_once();
            })
        };
        let kept = [0, 1].map(|value| world.adopt(value, by, takes));
        for kept in kept.iter().flatten() {
            world.get(kept);
        }
        stream.join().unwrap();
        for kept in kept.iter().flatten() {
            world.get(kept);
        }
    });
}

#[test]
fn an_entry_of_another_node_against_a_reset() {
    for by in ALL {
        adopted_against_reset(by, Takes::First);
    }
}

#[test]
#[should_panic(expected = "stale")]
fn what_another_node_depends_on_that_is_looked_up_too_early_is_found() {
    adopted_against_reset(By::Row, Takes::Last);
}

/// What another node has loaded before or after an own commit.
#[test]
fn an_entry_of_another_node_against_an_own_commit() {
    for by in ALL {
        explore(3, move || {
            let world = World::new(None);
            world.look_and_reach();
            world.tag(by);
            let writer = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.commit_told_later())
            };
            let stream = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.look_and_reach())
            };
            for value in [0, 1] {
                if let Some(kept) = world.adopt(value, by, Takes::First) {
                    world.get(&kept);
                }
            }
            writer.join().unwrap();
            stream.join().unwrap();
            let before = world.adopt(0, by, Takes::First);
            assert!(!before.is_some_and(|kept| world.holds(&kept)), "stale");
            // And not for ever: once it is told, what was loaded after it counts.
            world.look_and_reach();
            let after = world.adopt(1, by, Takes::First).unwrap();
            assert!(world.holds(&after));
        });
    }
}

/// Who asks while a load is under way joins it where that has read nothing that has changed since.
#[test]
fn a_load_that_is_joined() {
    explore(4, || {
        let world = World::new(None);
        world.tag(By::Row);
        let begun: Arc<Mutex<Option<Kept>>> = Arc::default();
        let writer = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.commit_told_at_once())
        };
        let loader = {
            let (world, begun) = (Arc::clone(&world), Arc::clone(&begun));
            thread::spawn(move || {
                let mut under_way = world.begin();
                *begun.lock().unwrap() = Some(under_way.clone());
                under_way.tags.push(world.tag(By::Row));
                // What it is about to read is told before it is sent.
                *begun.lock().unwrap() = Some(under_way.clone());
                world.end(under_way)
            })
        };
        let done = world.done();
        let joined = begun.lock().unwrap().clone();
        let joined = joined.is_some_and(|load| world.holds(&load));
        writer.join().unwrap();
        let result: Kept = loader.join().unwrap();
        assert!(!joined || result.is_of(done), "stale: joined");
    });
}

/// What stands for a whole tenant or table covers what stands for a row of it.
#[test]
fn a_broad_tag_covers_a_narrow_one() {
    explore(4, || {
        let world = World::new(None);
        let [row, tenant, table] = ALL.map(|by| world.tag(by));
        let covers = |a: &Tag, b: &Tag| a.covers(b);
        assert!(covers(&table, &tenant) && covers(&tenant, &row) && covers(&table, &row));
        assert!(!covers(&row, &tenant) && !covers(&tenant, &table));
    });
}
