//! The first load: what a person needs first, then the rest, with how far it has come.
//!
//! Promises: what waits, what is theirs, and today show before the rest has come, however much that is; what has come stays
//! when something goes wrong in between; a server that asks to slow down is waited for, and nothing that it has answered is
//! asked again; what happens meanwhile is told meanwhile. Refuses to show progress for what goes on unseen later.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatehr_client::{ClientError, ConsultationQuery};
use chatehr_contract::{
    ChangeNotice, Consultation, ConsultationId, ConsultationStatus, ListScope, Loading, LoadingPart,
    PersonId, Timestamp,
};
use chatehr_vault::{CacheChange, ListQuery};
use futures_util::{StreamExt, stream};
use tokio::time::{self, Instant};

use super::{Inner, Open};

/// Requests under way at once.
const AT_ONCE: usize = 4;
/// Pages of the queue that come first. More than a queue has where somebody answers it.
const FIRST_PAGES: u32 = 5;
/// Rows of a list whose names come first: more than a window shows at once.
const ON_THE_SCREEN: u32 = 100;
/// Names that are stored together.
const BATCH: usize = 100;
/// Between two words to the window on how far it has come.
const PACE: Duration = Duration::from_millis(250);
/// The longest that a server may ask for, and what is waited where it does not say.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
const ASKED: Duration = Duration::from_secs(2);

const DAY: i64 = 24 * 60 * 60;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct FirstLoad(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    loading: Option<Loading>,
    told_at: Option<Instant>,
    /// All consultations are in the files: what changes from here on can be taken in beside the rest.
    listed: bool,
}

impl FirstLoad {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn loading(&self) -> Option<Loading> {
        self.progress().loading
    }

    pub(super) fn is_listed(&self) -> bool {
        self.progress().listed
    }
}

/// Ends the telling, however the load ends.
pub(super) struct Telling {
    inner: Arc<Inner>,
    first: bool,
}

impl Telling {
    /// So much of a part is here.
    pub(super) fn come(&self, part: LoadingPart, done: usize, of: usize) {
        if !self.first {
            return;
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let now = Instant::now();
        {
            let mut progress = self.inner.first_load.progress();
            progress.loading = Some(Loading { part, done: count(done), of: count(of) });
            if progress.told_at.is_some_and(|at| now.saturating_duration_since(at) < PACE) {
                return;
            }
            progress.told_at = Some(now);
        }
        self.inner.tell_state();
    }

    /// All consultations are in the files.
    pub(super) fn listed(&self) {
        self.inner.first_load.progress().listed = true;
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        *self.inner.first_load.progress() = Progress::default();
        if self.first {
            self.inner.tell_state();
        }
    }
}

impl Inner {
    /// Begins to fetch everything; shown where nothing has ever been in step.
    pub(super) async fn begin_telling(self: &Arc<Self>, open: &Open) -> Telling {
        let synced_at = open.vault(|vault| vault.synced_at()).await.ok().flatten();
        Telling { inner: self.clone(), first: synced_at.is_none() }
    }

    /// What waits, what is theirs, and today: shown before the rest is asked for. Nothing where something was shown before.
    pub(super) async fn load_first(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        telling: &Telling,
    ) -> Result<(), ClientError> {
        if !telling.first {
            return Ok(());
        }
        telling.come(LoadingPart::First, 0, 0);
        let now = self.now();
        let (waiting, assigned, begun, today) = tokio::try_join!(
            self.some_of(open, ConsultationStatus::Pending, FIRST_PAGES),
            self.some_of(open, ConsultationStatus::Assigned, 1),
            self.some_of(open, ConsultationStatus::InProgress, 1),
            async {
                let (from, to) = (now.plus_seconds(-DAY), now.plus_seconds(DAY));
                let rows = open.server.appointments(from, to).await?.rows;
                Ok(CacheChange::AppointmentsIn { from, to, rows })
            },
        )?;
        let first: Vec<Consultation> = [waiting, assigned, begun].into_iter().flatten().collect();
        let mut changes: Vec<_> = first.iter().cloned().map(CacheChange::Consultation).collect();
        let about_today: Vec<PersonId> = match &today {
            CacheChange::AppointmentsIn { rows, .. } => {
                rows.iter().map(|row| row.patient_id.clone()).collect()
            }
            _ => Vec::new(),
        };
        changes.push(today);
        self.store(open, changes).await;
        self.tell(ChangeNotice { state: true, lists: true, appointments: true, ..ChangeNotice::default() });
        if !self.alerts_name_patients() {
            self.alert_if_need_be(open, &first).await;
        }
        if directory {
            let mut people: BTreeSet<_> = self.on_the_first_screen(open).await.into_iter().collect();
            people.extend(about_today.into_iter().take(BATCH));
            let patients = patiently(|| self.fetch_patients(open, people.clone())).await?;
            self.store(open, patients).await;
            self.tell(ChangeNotice { lists: true, appointments: true, ..ChangeNotice::default() });
        }
        // What is asked for now can be answered: whoever waits for an answer does not wait for the rest.
        self.set_online();
        self.outbox.notify_one();
        Ok(())
    }

    /// Whose rows a person sees without scrolling far.
    async fn on_the_first_screen(&self, open: &Open) -> Vec<PersonId> {
        let person = open.person.clone();
        let rows = open.vault(move |vault| {
            let mut all = Vec::new();
            for scope in [ListScope::Queue, ListScope::Mine] {
                let query = ListQuery {
                    scope,
                    person: &person.id,
                    specialties: &person.specialties,
                    specialty: None,
                    offset: 0,
                    limit: ON_THE_SCREEN,
                };
                all.extend(vault.consultations(&query)?.0);
            }
            Ok(all)
        });
        rows.await.unwrap_or_default().into_iter().map(|row| row.patient_id).collect()
    }

    /// The newest of a status, so many pages of them.
    async fn some_of(
        &self,
        open: &Open,
        status: ConsultationStatus,
        pages: u32,
    ) -> Result<Vec<Consultation>, ClientError> {
        let mut all = Vec::new();
        for _ in 0..pages {
            let offset = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let query =
                ConsultationQuery { status: Some(status.clone()), offset, ..ConsultationQuery::default() };
            let page = open.server.consultations(&query).await?;
            let whole = page.rows.len() + page.skipped < query.limit as usize;
            all.extend(page.rows);
            if whole {
                break;
            }
        }
        Ok(all)
    }

    /// The names of all of these people, a batch after the other.
    pub(super) async fn load_names(
        self: &Arc<Self>,
        open: &Arc<Open>,
        people: Vec<PersonId>,
        telling: &Telling,
    ) -> Result<(), ClientError> {
        let mut seen = BTreeSet::new();
        let people: Vec<_> = people.into_iter().filter(|person| seen.insert(person.clone())).collect();
        for (place, batch) in people.chunks(BATCH).enumerate() {
            telling.come(LoadingPart::Names, place * BATCH, people.len());
            let batch: BTreeSet<_> = batch.iter().cloned().collect();
            let patients = patiently(|| self.fetch_patients(open, batch.clone())).await?;
            self.store(open, patients).await;
        }
        self.tell(ChangeNotice { lists: true, appointments: true, ..ChangeNotice::default() });
        Ok(())
    }

    /// These conversations, some at once.
    pub(super) async fn load_conversations(
        self: &Arc<Self>,
        open: &Arc<Open>,
        of: Vec<ConsultationId>,
        telling: &Telling,
    ) -> Result<(), ClientError> {
        let count = of.len();
        let mut conversations = stream::iter(of)
            .map(|id| {
                let (inner, open) = (self.clone(), open.clone());
                async move { patiently(|| inner.refresh_conversation(&open, &id)).await }
            })
            .buffer_unordered(AT_ONCE);
        let mut done = 0;
        while let Some(outcome) = conversations.next().await {
            outcome?;
            done += 1;
            telling.come(LoadingPart::Conversations, done, count);
        }
        Ok(())
    }
}

/// Asks again as often as the server asks to slow down.
async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, ClientError> {
    loop {
        match ask().await {
            Err(ClientError::RateLimited { retry_after }) => {
                time::sleep(retry_after.unwrap_or(ASKED).clamp(Duration::from_millis(500), LONGEST_ASKED))
                    .await;
            }
            answer => return answer,
        }
    }
}

/// Whom a person looks up first: those of what waits, then the newest.
pub(super) fn in_order_of_need(consultations: &[Consultation]) -> Vec<PersonId> {
    let mut order: Vec<&Consultation> = consultations.iter().collect();
    let rank = |one: &Consultation| match one.status {
        ConsultationStatus::Pending => 0,
        ConsultationStatus::Assigned | ConsultationStatus::InProgress => 1,
        _ => 2,
    };
    order.sort_by_key(|one| (rank(one), std::cmp::Reverse::<Timestamp>(one.updated_at)));
    order.into_iter().map(|one| one.patient_id.clone()).collect()
}
