//! The event stream over a real connection.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use chatehr_client::{BadAnswer, Client, ClientError, Config, ConnectionFault, EventStream, StreamItem};
use chatehr_contract::EventKind;
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{KEY, TOKEN, health};

/// Long for a loopback, short for a test.
const IDLE: Duration = Duration::from_millis(400);

type Heard = Arc<Mutex<Vec<HeaderMap>>>;

/// A server whose event stream meets each listener with the next of these.
async fn events_of(connections: Vec<fn() -> Response>) -> (EventStream, Heard, JoinHandle<()>) {
    let heard = Heard::default();
    let app = Router::new()
        .route("/v1/health", get(|| async { Json(health()) }))
        .route(
            "/v1/events",
            get(move |State(heard): State<Heard>, headers: HeaderMap| async move {
                let mut heard = heard.lock().unwrap();
                heard.push(headers);
                connections.get(heard.len() - 1).map_or_else(silence, |connection| connection())
            }),
        )
        .with_state(heard.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut config = Config::new(&base);
    config.idle_timeout = IDLE;
    config.jitter_seed = 1;
    let client = Client::new(config).unwrap();
    (client.with_session(TOKEN).events(Some("40".to_owned())), heard, server)
}

fn event_stream(body: Body) -> Response {
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], body).into_response()
}

fn silence() -> Response {
    event_stream(Body::from_stream(stream::pending::<Result<String, Infallible>>()))
}

#[tokio::test]
async fn a_stream_that_breaks_is_taken_up_where_it_broke() {
    let (mut events, heard, server) = events_of(vec![
        || {
            event_stream(Body::from(
                "retry: 1\n\nid: 41\ndata: {\"kind\":\"reset\"}\n\nid: 42\ndata: nonsense\n\nid: 43\ndata: {\"ki",
            ))
        },
        || {
            let first = stream::once(async { Ok::<_, Infallible>("id: 43\nevent: reset\ndata: {}\n\n") });
            event_stream(Body::from_stream(first.chain(stream::pending())))
        },
    ])
    .await;
    // In a task of its own, as the engine has it.
    let items = tokio::spawn(async move {
        let mut items = Vec::new();
        for _ in 0..6 {
            items.push(events.next().await);
        }
        items
    });
    let items = items.await.unwrap();
    server.abort();
    let [
        StreamItem::Connected,
        StreamItem::Event(first),
        StreamItem::Malformed,
        StreamItem::Disconnected { error, .. },
        StreamItem::Connected,
        StreamItem::Event(second),
    ] = items.as_slice()
    else {
        panic!("{items:?}")
    };
    assert_eq!((first.id.as_deref(), &first.kind), (Some("41"), &EventKind::Reset));
    assert_eq!((second.id.as_deref(), &second.kind), (Some("43"), &EventKind::Reset));
    assert_eq!(*error, ClientError::Unreachable(ConnectionFault::Closed));
    let heard = heard.lock().unwrap();
    let places: Vec<_> = heard.iter().map(|headers| headers["last-event-id"].to_str().unwrap()).collect();
    assert_eq!(places, ["40", "42"], "the unreadable event is passed over, the half one is not");
    for headers in heard.iter() {
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(headers["accept-envelope"], "3");
        assert_eq!(headers.get_all("accept").iter().collect::<Vec<_>>(), ["text/event-stream"]);
    }
}

#[tokio::test]
async fn the_end_of_the_session_ends_the_stream() {
    let (mut events, heard, server) = events_of(vec![|| StatusCode::UNAUTHORIZED.into_response()]).await;
    assert!(matches!(events.next().await, StreamItem::SignedOut));
    assert!(matches!(events.next().await, StreamItem::SignedOut));
    assert_eq!(heard.lock().unwrap().len(), 1);
    server.abort();
}

#[tokio::test]
async fn what_is_no_event_stream_is_told_and_tried_again() {
    let (mut events, heard, server) =
        events_of(vec![|| Json("hello").into_response(), || StatusCode::BAD_GATEWAY.into_response()]).await;
    for expected in [
        ClientError::Malformed(BadAnswer::NotEvents),
        ClientError::ServerFault { status: 502, retry_after: None },
    ] {
        let item = events.next().await;
        let StreamItem::Disconnected { error, .. } = item else { panic!("{item:?}") };
        assert_eq!(error, expected);
        events.retry_now();
    }
    assert!(matches!(events.next().await, StreamItem::Connected));
    assert_eq!(heard.lock().unwrap().len(), 3);
    server.abort();
}

#[tokio::test]
async fn a_connection_that_is_open_and_dead_is_left_for_a_new_one() {
    let (mut events, heard, server) = events_of(vec![
        || {
            let beats = stream::iter(["id: 41\ndata: {\"kind\":\"reset\"}\n\n", ": heartbeat\n\n"]);
            // And then nothing, without an end: as when the cable was pulled behind the nearest switch.
            event_stream(Body::from_stream(beats.map(Ok::<_, Infallible>).chain(stream::pending())))
        },
        || {
            event_stream(Body::from_stream(
                stream::iter([Ok::<_, Infallible>("retry: 1\n\n")]).chain(stream::pending()),
            ))
        },
    ])
    .await;
    assert!(matches!(events.next().await, StreamItem::Connected));
    assert!(matches!(events.next().await, StreamItem::Event(_)));
    let silent = Instant::now();
    let item = events.next().await;
    assert!(matches!(item, StreamItem::Disconnected { error: ClientError::Timeout, .. }), "{item:?}");
    let noticed = silent.elapsed();
    assert!(noticed >= IDLE / 2 && noticed < 4 * IDLE, "{noticed:?}");
    assert!(matches!(events.next().await, StreamItem::Connected));
    let places: Vec<_> =
        heard.lock().unwrap().iter().map(|headers| headers["last-event-id"].clone()).collect();
    assert_eq!(places, ["40", "41"]);
    server.abort();
}

#[test]
fn silence_is_two_of_the_servers_heartbeats() {
    let server = chatehr_server::Config::new("127.0.0.1:0".parse().unwrap(), KEY, vec![0; 32]);
    let idle = Config::new("http://127.0.0.1/v1").idle_timeout;
    assert_eq!(idle, 2 * server.heartbeat);
    assert!(idle <= Duration::from_secs(30));
}
