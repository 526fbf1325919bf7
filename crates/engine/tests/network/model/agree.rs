//! Whether the server has what was done, once and in order, and both desks show what the server has.

use std::time::Duration;

use chatehr_contract::*;
use chatehr_seal::{Binding, MessageKey};
use tokio::time::{Instant, sleep};

use super::clinics::{Clinics, Model, Place, Record, Step, Tally, Written};

/// A message at the server or at a desk.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    text: String,
    from: PersonId,
    delivery: Delivery,
}

fn texts(said: &[Said], from: &PersonId) -> Vec<String> {
    said.iter().filter(|one| one.from == *from).map(|one| one.text.clone()).collect()
}

/// Whether `some` are of `all`, in their order.
fn is_in_order(some: &[String], all: &[String]) -> bool {
    let mut left = all.iter();
    some.iter().all(|one| left.any(|other| other == one))
}

impl Clinics {
    pub(super) async fn agree(&self, model: &Model) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let mut wrong = None;
            for (desk, place) in self.places.iter().enumerate() {
                let state = place.bench.desk.state().await;
                // A clock that was set forward locks only now, and a session that was ended may show only now.
                let ready = matches!(state.stage, Stage::Ready { .. });
                if !ready || !matches!(state.connection, Connection::Online { .. }) {
                    place.somebody_is_here().await;
                    wrong = Some(format!("desk {desk} is not online: {state:?}"));
                    continue;
                }
                for (number, record) in model.records.iter().enumerate() {
                    if wrong.is_none() {
                        let written = model.written.get(&(desk, number));
                        let differs = self.differs(place, record, written).await;
                        let steps = self.counts(model, desk, number, record).await;
                        wrong = differs.or(steps).map(|why| format!("desk {desk}, record {number}: {why}"));
                    }
                }
            }
            match wrong {
                None => return Ok(()),
                Some(why) if began.elapsed() > Duration::from_secs(45) => return Err(why),
                Some(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// How often each step was done, by the history: as often as it was said, and no more often than it was tried.
    async fn counts(&self, model: &Model, desk: usize, number: usize, record: &Record) -> Option<String> {
        let now = match self.feldman.consultation(&record.id).await {
            Ok(now) => now,
            Err(error) => return Some(error.to_string()),
        };
        let new: Vec<_> = now.history.iter().skip(record.before.history.len()).collect();
        let by_people = new.iter().filter(|entry| entry.action != "escalated").count() as u64;
        let versions = now.version.saturating_sub(record.before.version);
        if versions < by_people || versions > new.len() as u64 {
            return Some(format!("{versions} versions for {new:?}"));
        }
        for step in [
            Step::Accept,
            Step::Acknowledge,
            Step::Decline,
            Step::HandOff,
            Step::Note,
            Step::Start,
            Step::Complete,
        ] {
            let is_it = |entry: &HistoryEntry| {
                let to = entry.to.as_ref();
                let moves = |status: ConsultationStatus| entry.action == "status" && to == Some(&status);
                match step {
                    Step::Accept => moves(ConsultationStatus::Assigned),
                    Step::Start => moves(ConsultationStatus::InProgress),
                    Step::Complete => moves(ConsultationStatus::Completed),
                    Step::Acknowledge => entry.action == "acknowledged",
                    Step::Decline => entry.action == "declined",
                    Step::HandOff => entry.action == "handed_off",
                    Step::Note => entry.action == "note",
                }
            };
            let mine =
                |entry: &HistoryEntry| entry.actor_id.as_ref() == Some(&self.places[desk].me) && is_it(entry);
            let count = new.iter().filter(|entry| mine(entry)).count();
            let Tally { said, tried } = model.steps.get(&(desk, number, step)).copied().unwrap_or_default();
            let may_be_fewer = match step {
                // What waits may be refused once somebody else has it.
                Step::Start | Step::Complete => record.moved,
                // Said a second time, it is done already.
                Step::Accept | Step::Decline => now.history.iter().any(mine),
                // Whoever has it has seen it.
                Step::Acknowledge => true,
                Step::HandOff | Step::Note => false,
            };
            if count > tried || (count < said && !may_be_fewer) {
                return Some(format!(
                    "{step:?} tried {tried} times, said {said} times, done {count}: {new:?}"
                ));
            }
        }
        let mut reasons: Vec<_> = new.iter().filter_map(|entry| entry.note.as_deref()).collect();
        reasons.retain(|words| words.starts_with("note ") || words.starts_with("reason "));
        let all = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        (reasons.len() < all).then(|| format!("one was done twice: {new:?}"))
    }

    /// How a desk differs from the server and from what was written at it.
    async fn differs(&self, place: &Place, record: &Record, written: Option<&Written>) -> Option<String> {
        let id = &record.id;
        let there = place.server.consultation(id).await.ok();
        let here = place.bench.desk.consultation(id).await.ok();
        match (&there, &here) {
            (None, None) => {}
            (Some(there), Some(here)) => {
                let history: Vec<_> = here.history.iter().map(|line| line.entry.clone()).collect();
                if there.status != here.row.status || there.history != history {
                    return Some(format!("{there:?} is shown as {here:?}"));
                }
                if here.unsure.is_some() {
                    return Some(format!("it is in doubt: {here:?}"));
                }
            }
            _ => return Some(format!("{there:?} is shown as {here:?}")),
        }
        let mine = there.is_some_and(|there| there.physician_id.as_ref() == Some(&place.me));
        let at_server = match self.said(id).await {
            Ok(said) => said,
            Err(error) => return Some(error),
        };
        let shown = self.shown(place, id).await;
        let is_sent = |said: &&Said| said.delivery == Delivery::Sent;
        if mine {
            let sent: Vec<_> = shown.iter().filter(is_sent).map(|said| (&said.from, &said.text)).collect();
            let there: Vec<_> = at_server.iter().map(|said| (&said.from, &said.text)).collect();
            if sent != there {
                return Some(format!("{there:?} is shown as {sent:?}"));
            }
            // It has just been shown.
            if let Some(error) = self.unread(id, &place.me).await {
                return Some(error);
            }
        }
        let none = Written::default();
        let Written { words: all, given_up } = written.unwrap_or(&none);
        let arrived = texts(&at_server, &place.me);
        // What was stuck after an answer got lost may be there although it was given up, and then it is shown.
        let meant: Vec<_> =
            all.iter().filter(|text| !given_up.contains(text) || arrived.contains(text)).cloned().collect();
        let unsent: Vec<_> = shown.iter().filter(|said| !is_sent(said)).collect();
        if !is_in_order(&arrived, &meant) {
            return Some(format!("of {meant:?}, {arrived:?} arrived"));
        }
        let mut held: Vec<_> = arrived.iter().chain(unsent.iter().map(|said| &said.text)).collect();
        let mut should: Vec<_> = meant.iter().collect();
        held.sort_unstable();
        should.sort_unstable();
        if held != should {
            return Some(format!("of {meant:?}, {arrived:?} arrived and {unsent:?} wait"));
        }
        let stuck = |said: &&Said| matches!(said.delivery, Delivery::Stuck { .. });
        match unsent.first() {
            None => {
                let waiting = here.map(|here| here.waiting).unwrap_or_default();
                // A step may be stuck where words would be.
                let refused = record.moved || record.ended;
                (!waiting.is_empty() && !refused).then(|| format!("{waiting:?} still wait"))
            }
            // Refused, and shown as refused.
            Some(first) if (record.ended || record.moved) && stuck(first) => None,
            Some(_) if record.moved && self.step_is_stuck(place, id).await => None,
            Some(first) => Some(format!("{first:?} still waits")),
        }
    }

    /// A step that was refused holds up what was written behind it.
    async fn step_is_stuck(&self, place: &Place, id: &ConsultationId) -> bool {
        let request = ConversationRequest { id: id.clone(), limit: 100 };
        let messages = place.bench.desk.conversation(request).await.map(|found| found.messages);
        let first = messages.unwrap_or_default().into_iter().find(|one| one.delivery != Delivery::Sent);
        first.is_some_and(|one| one.step.is_some() && matches!(one.delivery, Delivery::Stuck { .. }))
    }

    /// All that was said, as the patient has it.
    async fn said(&self, id: &ConsultationId) -> Result<Vec<Said>, String> {
        let of_client = |error: chatehr_client::ClientError| error.to_string();
        let messages = self.marta.all_messages(id).await.map_err(of_client)?.rows;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let material = self.marta.message_key(id).await.map_err(of_client)?;
        let key = MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
        let read = |message: Message| {
            let envelope = message.envelope_id().unwrap();
            let (from, to) = (&message.from_id, &message.to_id);
            let binding = Binding { consultation: id, envelope: &envelope, from, to };
            let text = chatehr_seal::open(&key, &binding, &message.content).unwrap().to_string();
            Said { text, from: message.from_id.clone(), delivery: Delivery::Sent }
        };
        Ok(messages.into_iter().map(read).collect())
    }

    async fn shown(&self, place: &Place, id: &ConsultationId) -> Vec<Said> {
        let request = ConversationRequest { id: id.clone(), limit: 100 };
        let Ok(conversation) = place.bench.desk.conversation(request).await else { return Vec::new() };
        let messages = conversation.messages.into_iter().filter(|message| message.step.is_none());
        let said = messages.map(|message| Said {
            text: match message.body {
                MessageBody::Clear { text } => text,
                // It may be readable the next time.
                other => format!("{other:?}"),
            },
            from: message.from.id,
            delivery: message.delivery,
        });
        said.collect()
    }

    /// What was written to this person counts as read at the server.
    async fn unread(&self, id: &ConsultationId, me: &PersonId) -> Option<String> {
        let messages = self.marta.all_messages(id).await.map(|page| page.rows).unwrap_or_default();
        let unread = messages.iter().find(|one| one.to_id == *me && one.read_at().is_none())?;
        let told: Vec<_> = messages.iter().map(|one| (&one.from_id, one.timestamp, one.read_at())).collect();
        Some(format!("{} was shown and is not read: {told:?}", unread.id))
    }
}
