//! Whose session it is, asked again: a nurse acts for another physician since this morning, a role has changed or gone.
//!
//! Promises: it is asked whenever a connection is made and every few minutes while there is one; what has changed is on
//! record, and from then on the desk shows and allows what goes with it; whoever has no place here any more is signed out
//! and told why. An answer that does not come, or a server that cannot say, changes nothing.

use std::sync::{Arc, Weak};

use chatehr_audit::NewEntry;
use chatehr_client::{ClientError, WhoAmI};
use chatehr_contract::{ErrorCode, Session, Stage};
use chatehr_vault::CacheChange;

use super::{
    Inner, Open,
    leaving::end_at_server,
    opening::{Opening, has_a_desk},
};

impl Inner {
    /// Asks, apart from whoever calls: what comes of it may end the task that asked.
    pub(super) fn ask_whose_it_is(self: &Arc<Self>, open: &Arc<Open>) {
        // Weakly: a question that hangs would hold the files that are opened again.
        let (inner, server, open) = (self.clone(), open.server.clone(), Arc::downgrade(open));
        tokio::spawn(async move {
            match server.whoami().await {
                Ok(who) => inner.take_whose_it_is(&open, who).await,
                // Whoever keeps the desk in step ends the session; here it is only heard earlier.
                Err(ClientError::SignedOut) => {
                    if open.upgrade().is_some_and(|open| inner.still_open(&open).is_ok()) {
                        inner.end_session();
                    }
                }
                Err(error) => tracing::debug!(%error, "Whose session it is has not been told."),
            }
        });
    }

    async fn take_whose_it_is(self: Arc<Self>, open: &Weak<Open>, who: WhoAmI) {
        let Ok(workstation) = self.workstation() else { return };
        let _turn = self.turn.lock().await;
        let Some(open) = open.upgrade().filter(|open| self.still_open(open).is_ok()) else { return };
        let Some(session) = changed(&open.session, who) else { return };
        if session.id != open.session.id || !has_a_desk(&session.role) {
            let (left, server) = (open.session.clone(), open.server.clone());
            self.end_session_for(ErrorCode::RoleGone);
            return end_at_server(&left, server, None);
        }
        tracing::info!("The role has changed; the desk opens anew.");
        self.close_glass(&open, "session").await;
        // What is held was what the former one sees.
        let anew = open.vault(|vault| vault.apply(&[CacheChange::LastEvent(None)])).await;
        if anew.is_err() {
            return;
        }
        let reason = match &session.delegates_for {
            Some(physician) => format!("{} for {physician}", session.role.as_str()),
            None => session.role.as_str().to_owned(),
        };
        let said = NewEntry { reason: Some(reason), ..open.entry("session.change", self.now()) };
        let key = open.key.clone();
        drop(open);
        // Whoever waits for the browser holds the files.
        self.give_up_attempt();
        // Nobody at the window has done anything.
        let clock = self.presence().clock.clone();
        let tasks = std::mem::take(&mut self.state().tasks);
        self.close(Stage::Starting);
        for task in tasks {
            task.abort();
            // An aborted task's error says just that.
            drop(task.await);
        }
        let opening =
            Opening { action: "session.resume", reason: Some("role"), remember: true, untold: vec![said] };
        self.open_person_as(workstation, session, opening, Some(key)).await;
        self.presence().clock = clock;
    }
}

/// The session as it is now, if anything about whose it is has changed.
fn changed(session: &Session, who: WhoAmI) -> Option<Session> {
    // A provider's word need not name specialties; the directory's stand then.
    let specialties = if who.specialties.is_empty() { session.specialties.clone() } else { who.specialties };
    let now = Session {
        id: who.id,
        role: who.role,
        delegates_for: who.delegates_for,
        specialties,
        ..session.clone()
    };
    (now != *session).then_some(now)
}

#[cfg(test)]
mod tests {
    use chatehr_client::WhoAmI;
    use chatehr_contract::{PersonId, PersonName, Role, Session, SpecialtyCode, Timestamp};

    use super::changed;

    fn nurse() -> Session {
        Session {
            token: "canary-token".to_owned(),
            expires_at: Timestamp::from_millis(0),
            id: PersonId::new("nurse-3"),
            role: Role::Nurse,
            delegates_for: Some(PersonId::new("physician-12")),
            name: PersonName { family: "Mensah".into(), given: vec!["Efua".into()] },
            specialties: vec![SpecialtyCode::Cardiology],
        }
    }

    fn told(role: Role, physician: Option<&str>) -> WhoAmI {
        let delegates_for = physician.map(PersonId::new);
        WhoAmI { id: PersonId::new("nurse-3"), role, specialties: Vec::new(), delegates_for }
    }

    #[test]
    fn the_same_again_is_no_change_and_a_word_without_specialties_takes_none_away() {
        assert_eq!(changed(&nurse(), told(Role::Nurse, Some("physician-12"))), None);
        let other = changed(&nurse(), told(Role::Nurse, Some("physician-13"))).unwrap();
        assert_eq!(other.delegates_for, Some(PersonId::new("physician-13")));
        assert_eq!((other.token, other.specialties), (nurse().token, nurse().specialties));
        assert_eq!(changed(&nurse(), told(Role::Nurse, None)).unwrap().delegates_for, None);
        assert_eq!(changed(&nurse(), told(Role::Patient, None)).unwrap().role, Role::Patient);
    }
}
