//! Taking reports in: accepted means durable.
//!
//! A report gets its id before it is written. Concurrent submissions share one commit, which also holds the jobs that
//! join them into issues, and each is answered after that commit. Rules classify it on the way in: that costs
//! microseconds and lets life-safety reports be seen at once. The model is never asked before the answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use brisk_core::{Clock, Ids, Scope, TenantId};
use brisk_db::{Batch, Db, Fold, FoldConfig, Json, OnConflict};
use brisk_jobs::{NewJob, Queue};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::case::cell_of;
use super::contact::ContactKeys;
use super::link::{LINK_JOB, LinkPayload};
use super::submission::{Checked, Submission};
use crate::error::Error;
use crate::ids::{IdBlocks, ReportId};
use crate::model::classify::{Choice, Evidence, Hint, decide};
use crate::model::spam::{self, Sender, text_spam};
use crate::model::text::normalise_location;
use crate::model::{FieldError, FieldErrors};
use crate::settings::{Settings, TenantSettings};
use crate::store::report::{NewReport, Reports};
use crate::store::reporter::Reporters;

/// Reports in one request at most.
pub(crate) const BATCH_MAX: usize = 1_000;

/// Who submits, as far as the rules of intake care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Submitter {
    /// The public: nobody that we know.
    pub(crate) anonymous: bool,
    /// An agent or an importer: may date a report, and is not suspected of spam.
    pub(crate) trusted: bool,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) id: ReportId,
    /// Follows the report without an account; shown once, only its hash is stored. None for a repeated request.
    pub(crate) tracking_code: Option<String>,
    /// The request was seen before; the id is that of the first one.
    pub(crate) repeated: bool,
}

/// A report on its way to the commit.
type Entry = Arc<NewReport>;

/// The intake.
#[derive(Debug)]
pub(crate) struct Intake {
    db: Db,
    clock: Clock,
    ids: Ids,
    report_ids: IdBlocks,
    settings: Arc<Settings>,
    contacts: ContactKeys,
    fold: Fold<Entry, Stored>,
}

/// What the commit did with one report.
#[derive(Clone, Copy, Debug)]
struct Stored {
    id: ReportId,
    repeated: bool,
}

impl Intake {
    pub(crate) fn start(
        db: &Db,
        clock: Clock,
        ids: Ids,
        settings: Arc<Settings>,
        contacts: ContactKeys,
        queue: Queue,
    ) -> Self {
        let store = db.clone();
        let fold = Fold::start("civic.intake", FoldConfig::default(), move |entries| {
            let (db, queue) = (store.clone(), queue.clone());
            Box::pin(async move { commit(&db, &queue, &entries).await })
        });
        let report_ids = IdBlocks::new(db.clone(), "report");
        Self {
            db: db.clone(),
            clock,
            ids,
            report_ids,
            settings,
            contacts,
            fold,
        }
    }

    /// Takes one report in; answers after it is durable.
    pub(crate) async fn submit(
        &self,
        scope: &Scope,
        who: Submitter,
        channel: &'static str,
        submission: Submission,
    ) -> Result<Accepted, Error> {
        let settings = self.settings.of(scope.tenant()).await?;
        admit(&settings, who)?;
        let now = self.clock.now();
        let checked = submission.check(&settings, who.trusted, now)?;
        let (entry, code) = self
            .prepare(scope, &settings, who, channel, checked, now)
            .await?;
        #[expect(clippy::cast_precision_loss, reason = "the queue holds thousands")]
        metrics::gauge!("civic_intake_queue_depth").set(self.fold.depth() as f64);
        let stored = self.fold.push(Arc::new(entry)).await?;
        metrics::counter!("civic_reports_total", "channel" => channel).increment(1);
        Ok(Accepted {
            id: stored.id,
            tracking_code: (!stored.repeated).then_some(code),
            repeated: stored.repeated,
        })
    }

    /// Takes many reports in with one commit; answers one result for each, in order.
    ///
    /// With `atomic`, one wrong report refuses all.
    pub(crate) async fn submit_many(
        &self,
        scope: &Scope,
        who: Submitter,
        channel: &'static str,
        submissions: Vec<Submission>,
        atomic: bool,
        queue: &Queue,
    ) -> Result<Vec<Result<Accepted, FieldErrors>>, Error> {
        let settings = self.settings.of(scope.tenant()).await?;
        admit(&settings, who)?;
        let now = self.clock.now();
        let mut results = Vec::with_capacity(submissions.len());
        let mut entries = Vec::with_capacity(submissions.len());
        for submission in submissions {
            match submission.check(&settings, who.trusted, now) {
                Ok(checked) => {
                    let (entry, code) = self
                        .prepare(scope, &settings, who, channel, checked, now)
                        .await?;
                    entries.push(Arc::new(entry));
                    results.push(Ok(code));
                }
                Err(wrong) => results.push(Err(wrong)),
            }
        }
        if atomic && results.iter().any(Result::is_err) {
            let fields = results
                .into_iter()
                .enumerate()
                .filter_map(|(i, r)| Some((i, r.err()?)));
            return Err(
                FieldErrors(fields.flat_map(|(i, wrong)| indexed(i, wrong)).collect()).into(),
            );
        }
        let mut stored = commit(&self.db, queue, &entries).await?.into_iter();
        metrics::counter!("civic_reports_total", "channel" => channel)
            .increment(entries.len() as u64);
        Ok(results
            .into_iter()
            .map(|result| {
                result.map(|code| {
                    let stored = stored
                        .next()
                        .expect("the commit answers one result for each entry");
                    Accepted {
                        id: stored.id,
                        tracking_code: (!stored.repeated).then_some(code),
                        repeated: stored.repeated,
                    }
                })
            })
            .collect())
    }

    /// Commits what waits and takes no more.
    pub(crate) async fn close(&self) {
        self.fold.close().await;
    }

    async fn prepare(
        &self,
        scope: &Scope,
        settings: &TenantSettings,
        who: Submitter,
        channel: &'static str,
        checked: Checked,
        now: Timestamp,
    ) -> Result<(NewReport, String), Error> {
        let random = self.ids.uuid();
        let reporter_id = match &checked.contact {
            None => None,
            Some(contact) => {
                let nonce = std::array::from_fn(|i| random.as_bytes()[i + 4]);
                match self.contacts.seal(scope.tenant(), contact, nonce) {
                    None => None,
                    Some((hash, sealed)) => {
                        let session = self.db.session(scope.clone());
                        Some(Reporters(&session).seen(hash, sealed, now).await?)
                    }
                }
            }
        };
        let id = ReportId(self.report_ids.one().await?);
        let code = tracking_code(self.ids.uuid());
        let report = classify(settings, who, checked, now);
        let spam_score = if who.trusted {
            0
        } else {
            let sender = if who.anonymous {
                Sender::Anonymous
            } else {
                Sender::Known
            };
            text_spam(&report.description, sender).score
        };
        // A report that may be about a danger to life is held back from nobody.
        let status = match spam_score {
            spam::REJECTED.. => "rejected",
            spam::HELD.. => "held",
            _ => "classified",
        };
        Ok((
            NewReport {
                id,
                tenant_id: scope.tenant(),
                reporter_id,
                channel: channel.to_owned(),
                status: status.to_owned(),
                spam_score,
                tracking_hash: Some(tracking_hash(&code)),
                ..report
            },
            code,
        ))
    }
}

/// Whether the tenant takes reports from this kind of caller.
fn admit(settings: &TenantSettings, who: Submitter) -> Result<(), Error> {
    if who.anonymous && !settings.config.intake.anonymous {
        return Err(Error::AnonymousNotAllowed);
    }
    Ok(())
}

/// The row of a checked report, classified by the rules and the reporter's hint.
fn classify(
    settings: &TenantSettings,
    who: Submitter,
    checked: Checked,
    now: Timestamp,
) -> NewReport {
    let rules = settings.rules.classify(&checked.description);
    let choice = Choice {
        category: checked.category,
        severity: checked.severity,
    };
    let chosen = checked.category.is_some() || checked.severity.is_some();
    let class = decide(&Evidence {
        rules: &rules,
        llm: None,
        hint: (chosen && !who.trusted).then_some(Hint::Reporter(choice)),
        staff: if who.trusted {
            choice
        } else {
            Choice::default()
        },
    });
    let (lat, lon) = checked.point.unzip();
    NewReport {
        id: ReportId(0),
        tenant_id: settings.tenant.id,
        issue_id: None,
        reporter_id: None,
        area_id: None,
        location_norm: checked
            .location
            .as_deref()
            .map(normalise_location)
            .filter(|l| !l.is_empty()),
        location: checked.location,
        lat,
        lon,
        grid_cell: cell_of(lat, lon),
        category: class.category,
        severity: class.severity,
        summary: class.summary,
        anchor: class.anchor,
        sensitive: class.sensitive,
        classified_by: class.classified_by,
        confidence: class.confidence,
        service_code: checked.service_code,
        attributes: None,
        media: checked.media.map(Json),
        channel: String::new(),
        client_ref: checked.client_ref,
        external_id: None,
        external_status: None,
        status: String::new(),
        processed: false,
        spam_score: 0,
        public: checked.public,
        tracking_hash: None,
        submitted_at: checked.submitted_at.unwrap_or(now),
        received_at: now,
        processed_at: None,
        import_id: None,
        description: checked.description,
    }
}

/// Writes reports of any tenants with their jobs in one commit, and finds the first ids of repeated requests.
async fn commit(db: &Db, queue: &Queue, entries: &[Entry]) -> Result<Vec<Stored>, brisk_db::Error> {
    let mut batch = Batch::new();
    let rows = entries.iter().map(|e| NewReport::clone(e)).collect();
    batch.insert_returning::<NewReport>(rows, OnConflict::Skip, "id");
    let waiting = entries.iter().filter(|e| e.status == "classified");
    let jobs = waiting.map(|e| {
        NewJob::new(e.tenant_id, LINK_JOB, &LinkPayload { report: e.id })
            .expect("the payload is one number")
    });
    queue.add(&mut batch, jobs.collect());
    let session = db.session(Scope::platform("civic.intake"));
    let outcomes = session.batch(batch).await?;
    let stored: HashSet<i64> = outcomes
        .first()
        .map(|o| o.returned.iter().copied().collect())
        .unwrap_or_default();
    let mut first: HashMap<(TenantId, String), ReportId> = HashMap::new();
    if stored.len() < entries.len() {
        let mut refs: BTreeMap<TenantId, Vec<String>> = BTreeMap::new();
        for entry in entries.iter().filter(|e| !stored.contains(&e.id.get())) {
            refs.entry(entry.tenant_id)
                .or_default()
                .extend(entry.client_ref.clone());
        }
        for (tenant, refs) in refs {
            for row in Reports(&session.for_tenant(tenant))
                .by_client_refs(refs)
                .await?
            {
                first.insert((tenant, row.client_ref), row.id);
            }
        }
    }
    entries
        .iter()
        .map(|entry| {
            if stored.contains(&entry.id.get()) {
                return Ok(Stored {
                    id: entry.id,
                    repeated: false,
                });
            }
            let key = (
                entry.tenant_id,
                entry.client_ref.clone().unwrap_or_default(),
            );
            let id = first.get(&key).copied().ok_or(brisk_db::Error::NoRow {
                statement: "civic.intake",
            })?;
            Ok(Stored { id, repeated: true })
        })
        .collect()
}

fn indexed(i: usize, wrong: FieldErrors) -> impl Iterator<Item = FieldError> {
    wrong.0.into_iter().map(move |e| FieldError {
        field: format!("reports[{i}].{}", e.field),
        ..e
    })
}

/// 60 random bits in Crockford's base 32, as `K7QP-93XM-2WTD`.
fn tracking_code(random: uuid::Uuid) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    // The last 62 bits of a version 7 UUID are random.
    let mut bits = random.as_u128() & ((1 << 60) - 1);
    let mut code = String::with_capacity(14);
    for i in 0..12 {
        if i % 4 == 0 && i > 0 {
            code.push('-');
        }
        code.push(char::from(
            DIGITS[usize::try_from(bits & 31).unwrap_or_default()],
        ));
        bits >>= 5;
    }
    code
}

/// What is stored of a tracking code, however it was typed.
pub(crate) fn tracking_hash(code: &str) -> Vec<u8> {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    Sha256::digest(plain.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracking_code_is_found_however_it_is_typed() {
        let code = tracking_code(uuid::Uuid::from_u128(0x1234_5678_9abc_def0));
        assert_eq!(code.len(), 14);
        assert_eq!(
            tracking_hash(&code),
            tracking_hash(&code.to_lowercase().replace('-', " "))
        );
        assert_ne!(tracking_hash(&code), tracking_hash("0000-0000-0000"));
    }
}
