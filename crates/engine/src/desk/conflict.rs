//! Says who was first: what stands in the way of a decision, who did it and when.
//!
//! Promises: when that is said, the files say the same of the record as the refusal does, so that what the window shows
//! beside it, and what it offers, is how it stands now.

use std::sync::Arc;

use chatehr_client::{ClientError, ConflictState};
use chatehr_contract::{
    Consultation, ConsultationId, ConsultationStatus, ErrorCode, ErrorReport, PersonId, Timestamp,
    access::{Access, Action},
};

use super::{Inner, Open};
use crate::report;

const MINUTES_A_DAY: i64 = 24 * 60;

impl Inner {
    /// An error of the server's, with the other side's doing in words: "Dr Lindqvist accepted this at 09:42".
    pub(super) async fn in_words(&self, open: &Open, error: &ClientError) -> ErrorReport {
        let Some(current) = error.current() else { return report::client(error) };
        // What explains how it stands; a note or an acknowledgement does not.
        let last = current.last.as_ref().filter(|last| last.to.as_ref() == Some(&current.status));
        let actor = last.map_or(current.physician_id.as_ref(), |last| last.actor_id.as_ref());
        let who = match actor {
            Some(actor) => self.called(open, actor).await,
            None => "Somebody".to_owned(),
        };
        let deed = deed(current, last.map(|last| last.action.as_str()));
        let at = last.map(|last| last.at).or(current.updated_at);
        let detail = match at {
            Some(at) => format!("{who} {deed} {}", self.when(at)),
            None => format!("{who} {deed}"),
        };
        let theirs = current.physician_id.as_ref().is_some_and(|holder| *holder != open.person.id);
        let code = if current.is_taken() && theirs { ErrorCode::AlreadyTaken } else { ErrorCode::Conflict };
        ErrorReport::new(code).with_detail(detail)
    }

    /// Takes in how a record stands that was refused for that: what the refusal says of it at once. What it does not say is
    /// fetched, apart, because the person is waiting to be told.
    pub(super) async fn take_present_state(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        error: &ClientError,
    ) {
        let stands_otherwise = matches!(
            error,
            ClientError::Conflict { .. }
                | ClientError::PreconditionFailed { .. }
                | ClientError::NotFound
                | ClientError::Forbidden
        );
        // Behind a locked screen; it is fetched with everything else afterwards.
        if !stands_otherwise || self.still_open(open).is_err() {
            return;
        }
        if let Some(record) = error.record().filter(|record| record.id == *id) {
            if self.show_consultation(open, record.clone()).await {
                let (inner, open, id) = (self.clone(), open.clone(), id.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        fetched = inner.refresh_conversation(&open, &id) => if let Err(error) = fetched {
                            tracing::warn!(%error, "The conversation is fetched later.");
                        },
                        // What hangs would hold the files that are opened again.
                        () = inner.is_left(&open) => return,
                    }
                    inner.tell_consultations(vec![id]);
                });
            }
            return;
        }
        if let Some(current) = error.current()
            && self.take_part(open, id, current).await
        {
            return;
        }
        let (inner, open, id) = (self.clone(), open.clone(), id.clone());
        tokio::spawn(async move {
            tokio::select! {
                fetched = inner.refresh_consultation(&open, &id, true) => if let Err(error) = fetched {
                    tracing::warn!(%error, "The present state is fetched later.");
                },
                () = inner.is_left(&open) => {}
            }
        });
    }

    /// Takes in the little that is told of a record to whom does not see it, and says whether that was all there is to
    /// know.
    async fn take_part(
        self: &Arc<Self>,
        open: &Arc<Open>,
        id: &ConsultationId,
        current: &ConflictState,
    ) -> bool {
        let asked = id.clone();
        let held = open.vault(move |vault| vault.consultation(&asked)).await.ok().flatten();
        let Some(now) = held.and_then(|held| as_told(held, current)) else { return false };
        if open.access(Action::ConsultationRead, &now) == Access::Granted {
            self.show_consultation(open, now).await;
            return false;
        }
        self.is_gone(open, id).await;
        true
    }

    /// Whose it is by now.
    pub(super) async fn held_by(&self, open: &Open, holder: &PersonId) -> ErrorReport {
        let detail = format!("{} has accepted this", self.called(open, holder).await);
        ErrorReport::new(ErrorCode::AlreadyTaken).with_detail(detail)
    }

    /// "Dr Lindqvist", "You", "The patient", "A colleague".
    async fn called(&self, open: &Open, person: &PersonId) -> String {
        if *person == open.person.id {
            return "You".to_owned();
        }
        let person = person.clone();
        let known = open.vault(move |vault| Ok((vault.physician(&person)?, vault.patient(&person)?)));
        match known.await {
            Ok((Some(physician), _)) => format!("Dr {}", physician.name.spoken()),
            Ok((None, Some(_))) => "The patient".to_owned(),
            // Behind a locked screen nobody has a name.
            Ok((None, None)) | Err(_) => "A colleague".to_owned(),
        }
    }

    /// "at 09:42", "yesterday at 09:42", "3 days ago", by the workstation's own time.
    fn when(&self, at: Timestamp) -> String {
        let clock = &self.surroundings.clock;
        let minutes =
            |at: Timestamp| at.plus_seconds(i64::from(clock.ahead_of_utc(at))).millis().div_euclid(60_000);
        when(minutes(at), minutes(clock.now()))
    }
}

/// A record with what a refusal tells of it, unless that is older.
fn as_told(held: Consultation, told: &ConflictState) -> Option<Consultation> {
    if (told.version, told.updated_at) < (held.version, Some(held.updated_at)) {
        return None;
    }
    let pending = told.status == ConsultationStatus::Pending;
    Some(Consultation {
        status: told.status.clone(),
        physician_id: told.physician_id.clone().or_else(|| held.physician_id.filter(|_| !pending)),
        version: told.version,
        updated_at: told.updated_at.unwrap_or(held.updated_at),
        ..held
    })
}

fn deed(current: &ConflictState, action: Option<&str>) -> &'static str {
    match (action, &current.status) {
        (Some("handed_off"), _) => "handed this over",
        (Some("declined"), _) => "gave this back",
        (Some("created" | "escalated"), _) => "asked for this",
        (_, ConsultationStatus::Assigned) => "accepted this",
        (_, ConsultationStatus::InProgress) => "started work on this",
        (_, ConsultationStatus::Completed) => "completed this",
        (_, ConsultationStatus::Cancelled) => "cancelled this",
        (_, ConsultationStatus::Pending) => "put this back into the queue",
        (_, ConsultationStatus::Other(_)) => "changed this",
    }
}

/// Of two times in local minutes.
fn when(then: i64, now: i64) -> String {
    let (day, minute) = (then.div_euclid(MINUTES_A_DAY), then.rem_euclid(MINUTES_A_DAY));
    let clock = format!("at {:02}:{:02}", minute / 60, minute % 60);
    match now.div_euclid(MINUTES_A_DAY) - day {
        // A server's clock that is ahead is no reason to speak of tomorrow.
        ..=0 => clock,
        1 => format!("yesterday {clock}"),
        days => format!("{days} days ago"),
    }
}

#[cfg(test)]
mod tests {
    use chatehr_client::ConflictState;
    use chatehr_contract::ConsultationStatus;

    use super::{MINUTES_A_DAY, deed, when};

    #[test]
    fn a_time_is_said_as_one_would_on_that_day() {
        let morning = 9 * 60 + 42;
        assert_eq!(when(morning, morning + 3), "at 09:42");
        assert_eq!(when(morning, morning - 3), "at 09:42");
        assert_eq!(when(morning, morning + MINUTES_A_DAY), "yesterday at 09:42");
        assert_eq!(when(morning, morning + 3 * MINUTES_A_DAY), "3 days ago");
        assert_eq!(when(-1, 5), "yesterday at 23:59");
    }

    #[test]
    fn every_state_that_can_stand_in_the_way_has_its_deed() {
        let current = |status| ConflictState {
            status,
            physician_id: None,
            version: 0,
            updated_at: None,
            last: None,
            record: None,
        };
        let told = |status: &str, action| deed(&current(ConsultationStatus::from(status)), action);
        assert_eq!(told("assigned", Some("status")), "accepted this");
        assert_eq!(told("assigned", Some("handed_off")), "handed this over");
        assert_eq!(told("pending", Some("declined")), "gave this back");
        assert_eq!(told("pending", None), "put this back into the queue");
        assert_eq!(told("in_progress", None), "started work on this");
        assert_eq!(told("completed", None), "completed this");
        assert_eq!(told("cancelled", None), "cancelled this");
        assert_eq!(told("awaiting_triage", None), "changed this");
    }
}
