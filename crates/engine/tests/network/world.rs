//! A desk, a network and a server.

use std::time::Duration;

use chatehr_client::SignedIn;
use chatehr_contract::*;
use chatehr_engine::Settings;
use chatehr_network::Network;
use chatehr_seal::{Binding, MessageKey};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::support::*;

/// How long a request may take where nobody has set it.
pub(crate) const A_PERSONS: Duration = Duration::from_secs(30);

/// A desk, a network and a server; and the same server, asked directly.
pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) clock: SetClock,
    pub(crate) network: Network,
    pub(crate) clinic: Clinic,
    pub(crate) okafor: SignedIn,
    pub(crate) settings: Settings,
    _data: TempDir,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(patience(), Bench::eager).await
    }

    /// One that draws its waits as a person's does.
    pub(crate) async fn open_drawing(patience: Duration) -> Self {
        Self::with(patience, Bench::timed).await
    }

    /// One that waits as long as a person's does.
    pub(crate) async fn open_as_a_person() -> Self {
        Self::with(A_PERSONS, Bench::timed).await
    }

    async fn with(patience: Duration, bench: fn(Settings, &SetClock) -> Bench) -> Self {
        let clinic = Clinic::patient().await;
        let network = Network::to(clinic.address, 1).await.unwrap();
        let data = TempDir::new().unwrap();
        let mut settings = settings(&url(network.address()), data.path());
        settings.timeout = patience;
        let clock = SetClock::default();
        let bench = bench(settings.clone(), &clock);
        bench.desk.start().await;
        bench.desk.sign_in(OKAFOR).await.unwrap();
        bench.until_ready().await;
        bench.until_online().await;
        let (okafor, _) = clinic.as_person(OKAFOR).await;
        Self { bench, clock, network, clinic, okafor, settings, _data: data }
    }

    /// A consultation that the person at the desk has taken.
    pub(crate) async fn mine(&self) -> ConsultationId {
        let id = self.clinic.request(Urgency::Routine, "a cough").await.id;
        self.bench.until_known(&id).await;
        self.bench.desk.accept(&id).await.unwrap();
        id
    }

    pub(crate) async fn write(&self, id: &ConsultationId, text: &str) {
        let send = SendMessage { consultation_id: id.clone(), text: text.to_owned() };
        self.bench.desk.send(&send).await.unwrap();
    }

    /// The words that the server has of the person at the desk, in its order.
    pub(crate) async fn words(&self, id: &ConsultationId) -> Vec<String> {
        words(&self.okafor, id).await
    }

    /// What the desk shows: the words, and whether they are shown as sent.
    pub(crate) async fn shown(&self, id: &ConsultationId) -> Vec<(String, Delivery)> {
        shown(&self.bench, id).await
    }

    /// Waits until everything is shown as sent; what is shown as sent, the server has, at every moment. How long it took.
    pub(crate) async fn until_sent(&self, id: &ConsultationId, words: &[String], why: &str) -> Duration {
        let began = Instant::now();
        loop {
            let shown = self.shown(id).await;
            let sent: Vec<_> = shown
                .iter()
                .filter(|(_, delivery)| *delivery == Delivery::Sent)
                .map(|(text, _)| text.clone())
                .collect();
            if !sent.is_empty() {
                let there = self.words(id).await;
                assert!(
                    sent.iter().all(|text| there.contains(text)),
                    "{why}: {sent:?} are not all in {there:?}"
                );
            }
            if sent.len() == words.len() && shown.len() == words.len() {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(90),
                "{why}: {:?} of {}",
                shown.last(),
                words.len()
            );
            sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed();
        assert_eq!(self.words(id).await, words, "{why}: once each, in order");
        let shown: Vec<_> = self.shown(id).await.into_iter().map(|(text, _)| text).collect();
        assert_eq!(shown, words, "{why}: the desk agrees");
        // The answer may still be on its way into the files when an event has brought the message.
        self.bench.until("nothing waits", |state| state.outbox_waiting + state.outbox_stuck == 0).await;
        took
    }
}

/// How long a request may take at these desks: less than a person's, so that the tests wait less.
/// `CHATEHR_NETWORK_TIMEOUT` sets it in seconds.
pub(crate) fn patience() -> Duration {
    let asked = std::env::var("CHATEHR_NETWORK_TIMEOUT").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(4))
}

/// The words of a conversation at the server, in its order.
pub(crate) async fn words(by: &SignedIn, id: &ConsultationId) -> Vec<String> {
    let material = by.message_key(id).await.unwrap();
    let key = MessageKey::from_parts(&material.kid, material.key.as_slice()).unwrap();
    let read = |message: Message| {
        let envelope = message.envelope_id().unwrap();
        let binding =
            Binding { consultation: id, envelope: &envelope, from: &message.from_id, to: &message.to_id };
        chatehr_seal::open(&key, &binding, &message.content).unwrap()
    };
    by.all_messages(id).await.unwrap().rows.into_iter().map(read).collect()
}

/// What a desk shows of it: the words, and how far they have come.
pub(crate) async fn shown(bench: &Bench, id: &ConsultationId) -> Vec<(String, Delivery)> {
    let request = ConversationRequest { id: id.clone(), limit: 100 };
    let Ok(conversation) = bench.desk.conversation(request).await else { return Vec::new() };
    let messages = conversation.messages.into_iter().filter(|message| message.step.is_none());
    let words = messages.map(|message| match message.body {
        MessageBody::Clear { text } => (text, message.delivery),
        other => panic!("{other:?}"),
    });
    words.collect()
}
