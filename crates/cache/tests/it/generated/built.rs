//! Questions that are more than one declared statement: lists that are built, keyed loads, entries made of entries.

use brisk_cache::{Cache, Caches, Error, Policy};
use brisk_core::TenantId;
use brisk_db::sea_query::{Cond, Expr, ExprTrait as _, Order, Query, SelectStatement};
use brisk_db::{Many, Session, statements};
use fastrand::Rng;

use super::asks::{Ask, Lines, plain};
use super::schema::Line;
use super::writes::{WORDS, tenant};

statements! {
    prefix "generated.built";

    load MAKER(id: i64) -> Option<Line> in "makers";

    load THINGS(maker_id: i64) -> Many<Line> in "things", order "id", limit 100;

    MAKER_IDS(tenant: TenantId) -> Vec<Line> = "SELECT id, n, word FROM makers WHERE tenant_id = $1 ORDER BY id LIMIT 5";
}

type ByNumber = Cache<usize, Lines>;

/// A list with filters by chance.
fn list(rng: &mut Rng, tenant: TenantId) -> SelectStatement {
    let mut query = Query::select();
    query.columns(["id", "n", "word"]).from("makers");
    if rng.u8(0..8) > 0 {
        query.and_where(Expr::col("tenant_id").eq(tenant.0));
    }
    match rng.u8(0..7) {
        0 => query.and_where(Expr::col("id").eq(rng.i64(1..6))),
        1 => query.and_where(Expr::col("word").eq(WORDS[rng.usize(0..WORDS.len())])),
        2 => query.and_where(Expr::col("n").is_in([1_i64, rng.i64(0..5)])),
        3 => query.cond_where(
            Cond::any()
                .add(Expr::col("id").eq(rng.i64(1..6)))
                .add(Expr::col("n").eq(rng.i64(0..5))),
        ),
        4 => query.and_where(Expr::col("id").eq(rng.i64(1..6)).not()),
        5 => query.and_where(
            Expr::col("id").in_subquery(
                Query::select()
                    .column("maker_id")
                    .from("things")
                    .and_where(Expr::col("tenant_id").eq(tenant.0))
                    .take(),
            ),
        ),
        _ => &mut query,
    };
    query.order_by("tenant_id", Order::Asc);
    query.order_by("id", Order::Asc).take()
}

fn ask<F, R>(text: String, tenant: TenantId, cache: &ByNumber, number: usize, load: F) -> Ask
where
    F: Fn(Session) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Lines, brisk_db::Error>> + Send + 'static,
{
    let (cache, straight) = (cache.clone(), load.clone());
    Ask {
        text,
        tenant,
        straight: Box::new(move |session| Box::pin(straight(session))),
        kept: Box::new(move |session| {
            let (cache, load) = (cache.clone(), load.clone());
            Box::pin(async move { cache.get(&session, &number, load).await.map(plain) })
        }),
    }
}

/// A maker with what he has made: a cached list through another cache, and keyed loads.
fn nested(tenant: TenantId, caches: &Caches, outer: &ByNumber, number: usize) -> Ask {
    let inner: Cache<i64, Lines> = caches.cache("generated.inner", Policy::rows()).build();
    let outer = outer.clone();
    let straight = async |session: Session| {
        let mut all = session.run(&MAKER_IDS, (session.tenant(),)).await?;
        for line in &mut all {
            let things: Many<Line> = session.load(&THINGS, line.id).await?;
            line.n = Some(i64::try_from(things.into_vec().len()).unwrap_or_default());
        }
        Ok(all)
    };
    let load = move |session: Session| {
        let inner = inner.clone();
        async move {
            let tenant = session.tenant();
            let ids = async move |session: Session| session.run(&MAKER_IDS, (tenant,)).await;
            let mut all = inner.get(&session, &0, ids).await?.into_inner();
            for line in &mut all {
                let maker = line.id;
                let things = async move |session: Session| {
                    let things: Many<Line> = session.load(&THINGS, maker).await?;
                    Ok::<_, brisk_db::Error>(things.into_vec())
                };
                let things = inner.get(&session, &(1_000 + maker), things).await?;
                line.n = Some(i64::try_from(things.len()).unwrap_or_default());
            }
            Ok::<_, Error>(all)
        }
    };
    Ask {
        text: "an entry made of entries".to_owned(),
        tenant,
        straight: Box::new(move |session| Box::pin(straight(session))),
        kept: Box::new(move |session| {
            let (outer, load) = (outer.clone(), load.clone());
            Box::pin(async move { outer.get(&session, &number, load).await.map(plain) })
        }),
    }
}

/// Some of each.
pub(super) fn drawn(rng: &mut Rng, caches: &Caches) -> Vec<Ask> {
    let cache: ByNumber = caches.cache("generated.built", Policy::rows()).build();
    let mut asks = Vec::new();
    for number in 0..6 {
        let t = tenant(rng);
        let query = list(rng, t);
        let text = query.to_string(brisk_db::sea_query::SqliteQueryBuilder);
        let load = move |session: Session| {
            let query = query.clone();
            async move { session.select::<Line>("generated.list", &query).await }
        };
        asks.push(ask(text, t, &cache, number, load));
    }
    for number in 10..13 {
        let (t, id) = (tenant(rng), rng.i64(1..6));
        let load = move |session: Session| async move {
            let (maker, things) = tokio::join!(session.load(&MAKER, id), session.load(&THINGS, id));
            let things: Many<Line> = things?;
            let maker: Option<Line> = maker?;
            Ok(maker.into_iter().chain(things.into_vec()).collect())
        };
        asks.push(ask(format!("keyed loads of {id}"), t, &cache, number, load));
        let load = move |session: Session| async move {
            let all = session.load_many(&THINGS, vec![id, 1, 2]).await?;
            Ok(all.into_iter().flat_map(Many::into_vec).collect())
        };
        asks.push(ask(
            format!("many loads of {id}"),
            t,
            &cache,
            number + 10,
            load,
        ));
    }
    for number in 30..33 {
        asks.push(nested(tenant(rng), caches, &cache, number));
    }
    asks
}
