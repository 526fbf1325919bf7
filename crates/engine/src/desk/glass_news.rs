//! What an administrator is told of records that others have opened in an emergency.
//!
//! Promises: none is lost, whatever was missed meanwhile: at each connection the server's list is compared with how far
//! it was seen here, which stands in the ledger. The window says so until the administrator has looked at the list,
//! behind a lock and after a new start as well. An event alone says so at once.

use std::sync::{Arc, atomic::Ordering};

use chatehr_contract::{
    BrokenGlass, ChangeNotice, ConsultationId, ErrorReport, EventKind, Timestamp,
    access::{Access, Action, Relation, decide},
};

use super::{Desk, Inner, Open, allowed::role_forbids};
use crate::report;

impl Open {
    fn lists_glass(&self) -> bool {
        decide(Action::GlassList, self.party(), Relation::None) == Access::Granted
    }
}

impl Desk {
    /// Who has opened what in an emergency, latest first. It counts as seen from here on.
    ///
    /// # Errors
    /// Not an administrator; the server does not answer.
    pub async fn broken_glass(&self) -> Result<Vec<BrokenGlass>, ErrorReport> {
        let open = self.inner.open()?;
        if !open.lists_glass() {
            let all = ConsultationId::new("all");
            let report = role_forbids(Action::GlassList);
            return Err(self.inner.refused(&open, Action::GlassList, &all, report).await);
        }
        open.record(vec![open.entry(Action::GlassList.as_str(), self.inner.now())]).await?;
        let listed = tokio::select! {
            listed = open.server.broken_glass() => listed,
            // A question that hangs would hold the files that are opened again.
            () = self.inner.is_left(&open) => return Err(self.inner.gone(&open)),
        };
        let rows = listed.map_err(|error| report::client(&error))?.rows;
        if let Some(latest) = latest(&rows) {
            let news = open.vault(move |vault| {
                vault.see_glass(latest)?;
                vault.glass_is_news()
            });
            self.inner.glass_news(&open, news.await?, false);
        }
        Ok(rows)
    }
}

impl Inner {
    /// An event that may be of one.
    pub(super) async fn hear_of_glass(&self, open: &Arc<Open>, kind: &EventKind) {
        if let EventKind::GlassBroken { person_id, .. } = kind
            && open.lists_glass()
            && *person_id != open.person.id
        {
            self.glass_news(open, true, true);
            self.look_for_broken_glass(open).await;
        }
    }

    /// Compares the server's list with how far it was seen. A server that does not answer is asked at the next
    /// connection.
    pub(super) async fn look_for_broken_glass(&self, open: &Arc<Open>) {
        if !open.lists_glass() || self.since.server_has("break-glass") != Some(true) {
            return;
        }
        let mut rows = match open.server.broken_glass().await {
            Ok(page) => page.rows,
            Err(error) => {
                return tracing::warn!(%error, "Who has opened what in an emergency is asked later.");
            }
        };
        // What somebody has done they know.
        rows.retain(|glass| glass.person_id != open.person.id);
        let Some(latest) = latest(&rows) else { return };
        let news = open.vault(move |vault| {
            vault.tell_glass(latest)?;
            vault.glass_is_news()
        });
        // What has been told ends with a look at the list alone: a server whose clock was set back names an earlier instant
        // than one that was seen.
        if let Ok(true) = news.await {
            self.glass_news(open, true, false);
        }
    }

    /// Says whether there is something that the administrator has not seen; what is `fresh` is told even if there was.
    fn glass_news(&self, open: &Arc<Open>, news: bool, fresh: bool) {
        let before = open.glass_news.swap(news, Ordering::Relaxed);
        if before != news || fresh {
            self.tell(ChangeNotice { state: true, glass_broken: fresh || news, ..ChangeNotice::default() });
        }
    }
}

fn latest(rows: &[BrokenGlass]) -> Option<Timestamp> {
    rows.iter().map(|glass| glass.at).max()
}
