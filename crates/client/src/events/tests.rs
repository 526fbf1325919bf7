//! The stream over a scripted wire, on a clock that the tests turn.

use std::sync::{Arc, Mutex};

use chatehr_contract::{ConsultationId, MessageId};
use futures_util::stream;
use tokio::time::{advance, sleep};

use super::*;

const IDLE: Duration = Duration::from_secs(30);

/// One act of a connection.
#[derive(Clone)]
enum Act {
    Send(&'static str),
    Wait(Duration),
    Break,
}
use Act::{Break, Send, Wait};

type Attempt = Result<Vec<Act>, ClientError>;

/// What each attempt to connect meets; when all are used up, silence.
#[derive(Clone, Default)]
struct Script {
    attempts: Arc<Mutex<VecDeque<Attempt>>>,
    asked_after: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn of(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        Self { attempts: Arc::new(Mutex::new(attempts.into_iter().collect())), ..Self::default() }
    }

    fn stream(&self) -> EventStream {
        EventStream::over(Box::new(self.clone()), None, IDLE, 1)
    }

    fn asked_after(&self) -> Vec<String> {
        self.asked_after.lock().unwrap().clone()
    }
}

impl Wire for Script {
    fn connect(&self, last_event_id: &str) -> BoxFuture<'static, Result<Bytes, ClientError>> {
        self.asked_after.lock().unwrap().push(last_event_id.to_owned());
        let Some(attempt) = self.attempts.lock().unwrap().pop_front() else {
            return std::future::pending().boxed();
        };
        let connection = attempt.map(|acts| {
            stream::iter(acts)
                .filter_map(|act| async move {
                    match act {
                        Send(text) => Some(Ok(text.as_bytes().to_vec())),
                        Wait(time) => {
                            sleep(time).await;
                            None
                        }
                        Break => Some(Err(broken())),
                    }
                })
                .boxed()
        });
        async move { connection }.boxed()
    }
}

fn broken() -> ClientError {
    ClientError::Unreachable(ConnectionFault::Broken(None))
}

fn down() -> ClientError {
    ClientError::Unreachable(ConnectionFault::NotMade(None))
}

const ONE: &str =
    "id: 1\ndata: {\"kind\":\"message.created\",\"consultationId\":\"c\",\"messageId\":\"m\"}\n\n";
const TWO: &str = "id: 2\nevent: reset\ndata: {}\n\n";

fn kind_of_one() -> EventKind {
    EventKind::MessageCreated { consultation_id: ConsultationId::new("c"), message_id: MessageId::new("m") }
}

async fn expect_connected(events: &mut EventStream) {
    assert!(matches!(events.next().await, StreamItem::Connected));
}

async fn expect_event(events: &mut EventStream, id: &str) -> EventKind {
    match events.next().await {
        StreamItem::Event(event) => {
            assert_eq!(event.id.as_deref(), Some(id));
            event.kind
        }
        other => panic!("{other:?}"),
    }
}

async fn expect_disconnected(events: &mut EventStream) -> (ClientError, Duration) {
    match events.next().await {
        StreamItem::Disconnected { error, retry_in } => (error, retry_in),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_in_order_with_their_place_in_the_stream() {
    let mut events = Script::of([Ok(vec![Send(ONE), Send(TWO)])]).stream();
    expect_connected(&mut events).await;
    assert_eq!(expect_event(&mut events, "1").await, kind_of_one());
    assert_eq!(expect_event(&mut events, "2").await, EventKind::Reset);
    assert_eq!(expect_disconnected(&mut events).await.0, ClientError::Unreachable(ConnectionFault::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_taken_up_after_the_last_whole_event() {
    let script = Script::of([Ok(vec![Send(ONE), Send("id: 2\nevent: re"), Break]), Ok(vec![Send(TWO)])]);
    let mut events = script.stream();
    expect_connected(&mut events).await;
    expect_event(&mut events, "1").await;
    let (error, retry_in) = expect_disconnected(&mut events).await;
    assert_eq!(error, broken());
    assert!(retry_in <= Duration::from_millis(500), "the first attempt comes fast: {retry_in:?}");
    expect_connected(&mut events).await;
    expect_event(&mut events, "2").await;
    assert_eq!(script.asked_after(), ["", "1"]);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_costs_only_itself() {
    for bad in [
        "id: 7\ndata: not json\n\n",
        "id: 7\ndata: [1]\n\n",
        "id: 7\ndata: {\"kind\":\"message.created\",\"consultationId\":5}\n\n",
    ] {
        let script = Script::of([Ok(vec![Send(bad), Break]), Ok(vec![Send(TWO)])]);
        let mut events = script.stream();
        expect_connected(&mut events).await;
        assert!(matches!(events.next().await, StreamItem::Malformed), "{bad}");
        assert_eq!(events.malformed(), 1);
        expect_disconnected(&mut events).await;
        expect_connected(&mut events).await;
        expect_event(&mut events, "2").await;
        assert_eq!(script.asked_after(), ["", "7"], "it is not asked for again");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_newer_server_is_an_event() {
    let mut events =
        Script::of([Ok(vec![Send("id: 3\ndata: {\"kind\":\"moon.rose\",\"at\":[1]}\n\n")])]).stream();
    expect_connected(&mut events).await;
    assert_eq!(expect_event(&mut events, "3").await, EventKind::Unknown);
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_after_the_idle_time_and_heartbeats_are_not_silence() {
    let beat = [Wait(Duration::from_secs(29)), Send(":\n\n")];
    let mut acts = [beat.clone(), beat.clone(), beat].concat();
    acts.push(Wait(Duration::from_secs(3600)));
    let mut events = Script::of([Ok(acts)]).stream();
    expect_connected(&mut events).await;
    let start = Instant::now();
    assert_eq!(expect_disconnected(&mut events).await.0, ClientError::Timeout);
    assert_eq!(start.elapsed().as_secs(), 3 * 29 + 30);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_answered_is_given_up() {
    let mut events = Script::of([]).stream();
    let start = Instant::now();
    assert_eq!(expect_disconnected(&mut events).await.0, ClientError::Timeout);
    assert_eq!(start.elapsed(), IDLE);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_as_long_as_it_says_and_grows_while_the_server_is_down() {
    let script = Script::of((0..20).map(|_| Err(down())).chain([Ok(vec![])]));
    let mut events = script.stream();
    let mut waits = Vec::new();
    for attempt in 1..=20 {
        let (_, retry_in) = expect_disconnected(&mut events).await;
        assert_eq!(script.asked_after().len(), attempt);
        let start = Instant::now();
        waits.push(retry_in);
        if attempt < 20 {
            continue;
        }
        expect_connected(&mut events).await;
        assert_eq!(start.elapsed(), retry_in);
    }
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(30)));
    let half = |waits: &[Duration]| waits.iter().sum::<Duration>();
    assert!(half(&waits[..6]) < half(&waits[6..12]));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_hangs_up_is_not_hammered_and_one_that_lived_is_met_again_fast() {
    let hang_ups = 12;
    let script = Script::of((0..hang_ups).map(|_| Ok(vec![Break])).chain([Ok(vec![Wait(LIVED), Break])]));
    let mut events = script.stream();
    let mut total = Duration::ZERO;
    for _ in 0..hang_ups {
        expect_connected(&mut events).await;
        total += expect_disconnected(&mut events).await.1;
    }
    assert!(total > Duration::from_secs(30), "{total:?}");
    expect_connected(&mut events).await;
    assert!(expect_disconnected(&mut events).await.1 <= Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn the_servers_wish_for_a_pause_is_honoured() {
    let overloaded = ClientError::RateLimited { retry_after: Some(Duration::from_secs(77)) };
    let mut events = Script::of([Ok(vec![Send("retry: 9000\n\n"), Break]), Err(overloaded)]).stream();
    expect_connected(&mut events).await;
    let (_, retry_in) = expect_disconnected(&mut events).await;
    assert!((Duration::from_secs(9)..Duration::from_secs(10)).contains(&retry_in), "{retry_in:?}");
    assert_eq!(expect_disconnected(&mut events).await.1, Duration::from_secs(77));
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_heals_is_tried_again_seldom() {
    for wrong in [ClientError::Forbidden, ClientError::Unreachable(ConnectionFault::NotSecure)] {
        let mut events = Script::of([Err(wrong.clone()), Ok(vec![])]).stream();
        let (error, retry_in) = expect_disconnected(&mut events).await;
        assert_eq!(error, wrong);
        assert!(retry_in >= Duration::from_secs(15));
        expect_connected(&mut events).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_the_end_of_the_stream() {
    let script = Script::of([Err(ClientError::SignedOut), Ok(vec![Send(ONE)])]);
    let mut events = script.stream();
    assert!(matches!(events.next().await, StreamItem::SignedOut));
    assert!(matches!(events.next().await, StreamItem::SignedOut));
    assert_eq!(script.asked_after().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_asks_need_not_wait() {
    let script = Script::of([Err(ClientError::Forbidden), Ok(vec![])]);
    let mut events = script.stream();
    expect_disconnected(&mut events).await;
    let start = Instant::now();
    events.retry_now();
    expect_connected(&mut events).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_looks_away_at_any_moment_loses_nothing() {
    let pause = || Wait(Duration::from_millis(70));
    let cut = vec![
        Send("id: 1\nda"),
        pause(),
        Send("ta: {\"kind\":\"reset\"}\n"),
        pause(),
        Send("\n"),
        pause(),
        Break,
    ];
    let script = Script::of([Err(down()), Ok(cut), Ok(vec![pause(), Send(TWO), pause()])]);
    let mut events = script.stream();
    let mut items = Vec::new();
    while items.len() < 7 {
        // A future that is dropped after 10 ms, again and again.
        if let Ok(item) = tokio::time::timeout(Duration::from_millis(10), events.next()).await {
            items.push(match item {
                StreamItem::Connected => "connected".to_owned(),
                StreamItem::Event(event) => event.id.unwrap_or_default(),
                StreamItem::Disconnected { .. } => "gone".to_owned(),
                other => panic!("{other:?}"),
            });
        }
    }
    assert_eq!(items, ["gone", "connected", "1", "gone", "connected", "2", "gone"]);
    assert_eq!(script.asked_after(), ["", "", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_made_early_and_asked_late_has_its_full_time() {
    let mut events = Script::of([Ok(vec![Send(ONE)])]).stream();
    advance(Duration::from_secs(3600)).await;
    expect_connected(&mut events).await;
    expect_event(&mut events, "1").await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_bypassed_within_seconds_and_a_slow_one_still_counts() {
    /// The first attempt is answered after so long, all others at once from this moment on.
    struct Hung {
        first: Mutex<Option<Duration>>,
        heals: Instant,
    }
    impl Wire for Hung {
        fn connect(&self, _: &str) -> BoxFuture<'static, Result<Bytes, ClientError>> {
            let wait = match self.first.lock().unwrap().take() {
                Some(wait) => wait,
                None if Instant::now() >= self.heals => Duration::ZERO,
                None => IDLE * 2,
            };
            async move {
                sleep(wait).await;
                Ok(stream::pending().boxed())
            }
            .boxed()
        }
    }
    for (first, heals, longest) in [(IDLE * 2, 11, 16), (Duration::from_secs(9), 60, 9)] {
        let began = Instant::now();
        let wire = Hung { first: Mutex::new(Some(first)), heals: began + Duration::from_secs(heals) };
        let mut events = EventStream::over(Box::new(wire), None, IDLE, 1);
        assert!(matches!(events.next().await, StreamItem::Connected));
        let took = began.elapsed();
        assert!(took <= Duration::from_secs(longest), "{took:?}");
    }
}
