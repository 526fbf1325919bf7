//! The listener: accepts connections, bounds each, and hands its requests to the routes.
//!
//! Promises: nobody holds a connection by being slow, silent or deaf ([`pace`]); a head is bounded in bytes and fields
//! and answered with 431 beyond; a failing `accept` (no file descriptors left) is waited out; on stop, requests under
//! way are finished, at most [`Limits::drain`] long.
//! Refuses: more connections than [`Limits::max_connections`]; further ones wait in the system's queue. HTTP/2 without
//! TLS.
//!
//! It is our own because `axum::serve` bounds none of this.

mod pace;
#[cfg(test)]
mod tests;
pub(crate) mod tls;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
    response::IntoResponse,
};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
    service::TowerToHyperService,
};
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use self::pace::{Pace, Paced};
use crate::metrics::Counted;

/// How long `accept` rests after a failure: what it lacked must come back from elsewhere.
const ACCEPT_REST: Duration = Duration::from_secs(1);
/// How long a connection that has to go may take for its last words (GOAWAY, `close_notify`).
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often an HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Requests that an HTTP/2 client may have under way at once.
const MAX_CONCURRENT_REQUESTS: u32 = 100;

/// What a connection may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From a head's first byte to its last; for the first request, from the connection on.
    pub header_read_timeout: Duration,
    /// Fields in a head.
    pub max_headers: usize,
    /// Bytes in a head.
    pub max_header_bytes: u32,
    /// Between an answer and the next request.
    pub keep_alive_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    pub stall_timeout: Duration,
    /// Connections at once.
    pub max_connections: u32,
    /// For a TLS handshake.
    pub tls_handshake_timeout: Duration,
    /// For requests under way, after the stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            max_headers: 100,
            max_header_bytes: 32 * 1024,
            keep_alive_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            tls_handshake_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        }
    }
}

/// What all connections share.
struct Shared {
    tls: Option<TlsAcceptor>,
    app: Router,
    limits: Limits,
    open: Gauge,
    stopping: watch::Receiver<bool>,
}

/// Serves `app` until `stopping` turns true (or its sender is gone) and the requests under way are finished. Each
/// request has its peer's address as [`ConnectInfo`]. `open` shows how many connections there are.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    app: Router,
    limits: Limits,
    open: Gauge,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(usize::try_from(limits.max_connections).unwrap_or(usize::MAX)));
    let shared =
        Arc::new(Shared { tls: tls.map(TlsAcceptor::from), app, limits, open, stopping: stopping.clone() });
    loop {
        let (place, socket, peer) = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection(socket, peer, &shared).await;
            drop(place);
        });
    }
    drop(listener);
    // Every connection ends by itself within the drain. When all places are free again, the last has.
    drop(places.acquire_many(limits.max_connections).await);
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed, so there always is a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => return (place, socket, peer),
            // The client's own: it went away while it waited.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(socket: TcpStream, peer: SocketAddr, shared: &Shared) {
    let _counted = Counted::new(&shared.open);
    // Where it cannot be set, answers are slower and not wrong.
    drop(socket.set_nodelay(true));
    let Some(tls) = &shared.tls else {
        return http1(socket, peer, shared).await;
    };
    let mut stopping = shared.stopping.clone();
    let handshake = tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => return,
        handshake = timeout(shared.limits.tls_handshake_timeout, tls.accept(socket)) => handshake,
    };
    match handshake {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(tls::H2) => {
            http2(stream, peer, shared).await;
        }
        Ok(Ok(stream)) => http1(stream, peer, shared).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(socket: S, peer: SocketAddr, shared: &Shared) {
    let pace = Pace::new(&shared.limits, true);
    // hyper's own header timeout runs between requests too, and would be the keep-alive's.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(shared.limits.max_headers)
        .max_header_size(usize::try_from(shared.limits.max_header_bytes).unwrap_or(usize::MAX))
        .serve_connection(
            TokioIo::new(Paced::new(socket, Arc::clone(&pace))),
            service_fn(answering(&pace, peer, shared)),
        );
    drive(connection, &pace, shared).await;
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin + 'static>(socket: S, peer: SocketAddr, shared: &Shared) {
    let pace = Pace::new(&shared.limits, false);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .max_header_list_size(shared.limits.max_header_bytes)
        .max_concurrent_streams(MAX_CONCURRENT_REQUESTS)
        .serve_connection(
            TokioIo::new(Paced::new(socket, Arc::clone(&pace))),
            service_fn(answering(&pace, peer, shared)),
        );
    drive(connection, &pace, shared).await;
}

/// The routes, as one connection asks them.
fn answering(
    pace: &Arc<Pace>,
    peer: SocketAddr,
    shared: &Shared,
) -> impl Fn(Request<Incoming>) -> Answer + use<> {
    let (pace, app) = (Arc::clone(pace), TowerToHyperService::new(shared.app.clone()));
    let max_headers = shared.limits.max_headers;
    move |mut request| {
        let under_way = pace.begin();
        request.extensions_mut().insert(ConnectInfo(peer));
        // HTTP/2 bounds the bytes of a head, not its fields.
        let answer = (request.headers().len() <= max_headers).then(|| app.call(request));
        Box::pin(async move {
            let response = match answer {
                Some(answer) => answer.await?,
                None => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response(),
            };
            Ok(response.map(|body| Body::new(pace::Answer::new(body, under_way))))
        })
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Lets a connection go on until it ends, falls behind its pace, or the server stops.
async fn drive<C>(connection: C, pace: &Pace, shared: &Shared)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let mut stopping = shared.stopping.clone();
    let last = tokio::select! {
        biased;
        _ = stopping.wait_for(|stopping| *stopping) => shared.limits.drain,
        ended = pace.keep(connection.as_mut()) => match ended {
            Some(Ok(())) => return,
            Some(Err(error)) => return tracing::debug!(%error, "a connection failed"),
            None => LAST_WORDS,
        },
    };
    connection.as_mut().graceful_shutdown();
    match timeout(last, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection failed at its end"),
        Err(_) => tracing::debug!("a connection was cut off"),
    }
}
