//! SeaORM asked by as many callers as `bench db` says: each line `page 32 2000 1` of standard input is a round of an ask,
//! callers, milliseconds and a seed, and is answered with the answers each second.
#![expect(
    clippy::print_stdout,
    reason = "the program that started this one reads it"
)]

mod item;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use self::item::Items;

/// As `bench db` makes them.
const ROWS: i64 = 100_000;
const GROUPS: i64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Ask {
    Page,
    ById,
    ByIds,
    Insert,
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("the address is missing")?;
    let items = Items::connect(&url).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [ask, callers, millis, seed] = words.as_slice() else {
            bail!("{line:?} is not an ask, callers, milliseconds and a seed");
        };
        let ask = match *ask {
            "page" => Ask::Page,
            "by-id" => Ask::ById,
            "by-ids" => Ask::ByIds,
            "insert" => Ask::Insert,
            other => bail!("{other:?} cannot be asked"),
        };
        let time = Duration::from_millis(millis.parse()?);
        println!("{}", round(&items, ask, callers.parse()?, time, seed.parse()?).await?);
    }
    Ok(())
}

/// Answers each second of a closed loop.
async fn round(items: &Items, ask: Ask, callers: u64, time: Duration, seed: u64) -> Result<f64> {
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (items, mut rng) = (items.clone(), Rng::with_seed(seed * 10_000 + caller));
            tokio::spawn(async move {
                let mut answered = 0_u32;
                while began.elapsed() < time {
                    once(&items, ask, &mut rng).await?;
                    answered += 1;
                }
                Ok::<_, anyhow::Error>(answered)
            })
        })
        .collect();
    let mut answered = 0.0;
    for task in tasks {
        answered += f64::from(task.await??);
    }
    Ok(answered / began.elapsed().as_secs_f64())
}

async fn once(items: &Items, ask: Ask, rng: &mut Rng) -> Result<()> {
    match ask {
        Ask::Page => {
            let rows = items.page(rng.i64(0..GROUPS)).await?;
            ensure!(rows == 20, "a page of {rows} rows");
        }
        Ask::ById => {
            let id = rng.i64(1..=ROWS);
            ensure!(items.by_id(id).await? == id, "another row than {id}");
        }
        Ask::ByIds => {
            let first = rng.i64(1..=ROWS - 50 * 7);
            let rows = items.by_ids((0..50).map(|n| first + n * 7).collect()).await?;
            ensure!(rows == 50, "{rows} rows of 50 ids");
        }
        Ask::Insert => {
            let group = rng.i64(0..GROUPS);
            let id = items
                .insert(group, format!("item {group}"), "text ".repeat(16))
                .await?;
            ensure!(id > ROWS, "a new row with an old id");
        }
    }
    Ok(())
}
