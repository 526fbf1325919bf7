//! Follows what has changed on a server that tells it (feature `changes`): one request brings every record that has
//! changed since the place that is kept, however many events there were.
//!
//! Promises: a page and the place behind it are one transaction of the cache, so that nothing is missed and a repeat
//! changes nothing; a place that the server does not know any more is answered by fetching everything. An event is no
//! more than the reason to look.

use std::{collections::BTreeSet, sync::Arc};

use chatehr_client::{ChangePage, ChangesError, ClientError, MAX_CHANGES};
use chatehr_contract::{
    Change, ChangeNotice, Consultation, ConsultationId, ConsultationStatus, MessageId, PersonId,
};
use chatehr_vault::CacheChange;

use super::{Inner, Open};
use crate::{
    alert,
    unseal::{Unsealed, unseal},
};

/// What a page amounts to.
#[derive(Default)]
struct Digest {
    changes: Vec<CacheChange>,
    consultations: Vec<Consultation>,
    gone: Vec<ConsultationId>,
    /// Conversations that are to be told of.
    touched: BTreeSet<ConsultationId>,
    /// What this person has read elsewhere.
    read_elsewhere: Vec<(ConsultationId, MessageId)>,
    appointments: bool,
}

impl Inner {
    /// Takes in what has changed since the place that is kept; everything where none is. Alerts at once unless that
    /// `waits`, to be told together with what has waited before.
    pub(super) async fn follow(
        self: &Arc<Self>,
        open: &Arc<Open>,
        directory: bool,
        waits: bool,
    ) -> Result<(), ClientError> {
        loop {
            let place = match open.vault(|vault| vault.last_event()).await {
                Ok(Some(place)) => place,
                Ok(None) => return self.synchronise(open, directory, None).await,
                Err(_) => return Ok(()),
            };
            let page = match open.server.changes(Some(&place), MAX_CHANGES).await {
                Ok(page) => page,
                Err(ChangesError::CursorExpired) => return self.synchronise(open, directory, None).await,
                Err(ChangesError::Client(error)) => return Err(error),
            };
            let (next, more, unread) = (page.next_cursor.clone(), page.has_more, page.skipped > 0);
            if next == place && page.changes.is_empty() {
                return Ok(());
            }
            let stored = self.take_page(open, page, directory, waits).await?;
            if unread {
                // Nobody knows what it was.
                return self.synchronise(open, directory, Some(next)).await;
            }
            // What the files do not take is asked for again at the next event.
            if !stored || !more {
                return Ok(());
            }
        }
    }

    /// Whether the files have taken it.
    async fn take_page(
        self: &Arc<Self>,
        open: &Arc<Open>,
        page: ChangePage,
        directory: bool,
        waits: bool,
    ) -> Result<bool, ClientError> {
        let place = page.next_cursor.clone();
        let mut digest = self.digest(open, page).await?;
        if directory {
            let people: BTreeSet<PersonId> =
                digest.consultations.iter().map(|consultation| consultation.patient_id.clone()).collect();
            digest.changes.extend(self.fetch_patients(open, people).await?);
        }
        if digest.gone_appointments() {
            digest.changes.push(self.fetch_appointments(open).await?);
        }
        let newly_mine = self.newly_mine(open, &digest.consultations).await;
        digest.changes.extend([CacheChange::LastEvent(Some(place)), CacheChange::SyncedAt(self.now())]);
        let (changes, read) = (digest.changes, digest.read_elsewhere);
        if let Err(error) = open.vault(move |vault| vault.apply(&changes)).await {
            tracing::error!(code = error.code.as_str(), "What has changed could not be stored.");
            return Ok(false);
        }
        for id in &digest.gone {
            self.alert_gone(id);
        }
        if waits {
            // What has waited is told by itself; what was answered, or handed over, while this was away is in no queue.
            digest.consultations.retain(|one| {
                one.status != ConsultationStatus::Pending || alert::claim(one, &open.person).is_none()
            });
        }
        self.alert_if_need_be(open, &digest.consultations).await;
        for (consultation, message) in &read {
            self.read_elsewhere(open, consultation, message).await?;
        }
        self.tell(ChangeNotice {
            state: true,
            lists: true,
            appointments: digest.appointments,
            consultations: digest.touched.into_iter().collect(),
            ..ChangeNotice::default()
        });
        for id in newly_mine {
            // What was written before it was mine is no change since then.
            self.refresh_conversation(open, &id).await?;
            self.tell_consultations(vec![id]);
        }
        Ok(true)
    }

    /// Sorts a page, and opens its messages.
    async fn digest(&self, open: &Open, page: ChangePage) -> Result<Digest, ClientError> {
        let mut digest = Digest::default();
        for change in page.changes {
            match change {
                Change::Consultation { record } => {
                    digest.touched.insert(record.id.clone());
                    digest.changes.push(CacheChange::Consultation(record.clone()));
                    digest.consultations.push(record);
                }
                Change::Appointment { record } => {
                    digest.appointments = true;
                    digest.changes.push(CacheChange::Appointment(record));
                }
                Change::Message { record } => {
                    let key = self.message_key(open, &record.consultation_id).await?;
                    let Unsealed { text, unreadable } = unseal(&record, key.as_ref(), self.legacy_secret());
                    digest.touched.insert(record.consultation_id.clone());
                    digest.changes.push(CacheChange::Message { message: record, text, unreadable });
                }
                Change::Receipt { record } => {
                    if record.person_id == open.person.id {
                        digest.read_elsewhere.push((record.consultation_id.clone(), record.up_to));
                    }
                    digest.touched.insert(record.consultation_id);
                }
                Change::Gone { of, id } if of == "consultation" => {
                    let id = ConsultationId::new(id);
                    digest.touched.insert(id.clone());
                    digest.changes.push(CacheChange::ConsultationGone(id.clone()));
                    digest.gone.push(id);
                }
                Change::Gone { of, .. } if of == "appointment" => digest.appointments = true,
                Change::Gone { .. } | Change::Unknown => {}
            }
        }
        Ok(digest)
    }

    /// Those that this person is in charge of now and was not before.
    async fn newly_mine(&self, open: &Open, consultations: &[Consultation]) -> Vec<ConsultationId> {
        let Some(me) = open.person.stands_for().cloned() else { return Vec::new() };
        let mine: Vec<_> = consultations
            .iter()
            .filter(|consultation| consultation.physician_id.as_ref() == Some(&me))
            .map(|consultation| consultation.id.clone())
            .collect();
        let found = open.vault(move |vault| {
            let mut new = Vec::new();
            for id in mine {
                let held = vault.consultation(&id)?.and_then(|held| held.physician_id);
                if held.as_ref() != Some(&me) {
                    new.push(id);
                }
            }
            Ok(new)
        });
        found.await.unwrap_or_default()
    }
}

impl Digest {
    /// An appointment that is gone has no record any more, so the range is asked for whole.
    fn gone_appointments(&self) -> bool {
        self.appointments && !self.changes.iter().any(|change| matches!(change, CacheChange::Appointment(_)))
    }
}
