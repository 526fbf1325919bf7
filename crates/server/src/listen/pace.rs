//! How slow a client may be.
//!
//! Promises: a connection is told to go when a head takes too long, when nothing is asked for too long, or when the
//! client takes nothing of what it is sent for too long. While a request is under way, and be it a stream for hours,
//! only the last can happen: how long a request's body or answer may take is the routes' to say.
//!
//! Between two requests a connection is idle until the first byte of the next head. In HTTP/2 heads come in frames
//! among others, so there only the idle time counts.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use super::Limits;

/// Where one connection stands.
pub(super) struct Pace {
    head: Duration,
    idle: Duration,
    stall: Duration,
    /// Whether bytes between two requests are the next one's head.
    heads: bool,
    state: Mutex<State>,
}

struct State {
    /// Requests whose answer has not gone out.
    under_way: usize,
    /// Whether there was a request at all.
    asked: bool,
    /// When the connection came, or the last answer ended.
    quiet_since: Instant,
    /// When the first byte of a head came.
    head_since: Option<Instant>,
    /// When the client stopped to take what it is sent.
    stalled_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(limits: &Limits, heads: bool) -> Arc<Self> {
        Arc::new(Self {
            head: limits.header_read_timeout,
            idle: limits.keep_alive_timeout,
            stall: limits.stall_timeout,
            heads,
            state: Mutex::new(State {
                under_way: 0,
                asked: false,
                quiet_since: Instant::now(),
                head_since: None,
                stalled_since: None,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.asked = true;
        state.head_since = None;
        UnderWay(Arc::clone(self))
    }

    /// When this is too slow, if nothing else happens.
    fn due(&self) -> Option<Instant> {
        let state = self.state();
        let stalled = state.stalled_since.map(|since| since + self.stall);
        let silent = (state.under_way == 0).then(|| match state.head_since {
            _ if !state.asked => state.quiet_since + self.head,
            Some(since) => since + self.head,
            None => state.quiet_since + self.idle,
        });
        stalled.into_iter().chain(silent).min()
    }

    /// What the connection ends with, or nothing when it falls behind.
    pub(super) async fn keep<C: Future>(&self, mut connection: Pin<&mut C>) -> Option<C::Output> {
        let mut alarm = Box::pin(sleep_until(Instant::now() + self.head));
        poll_fn(|cx| {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(ended));
            }
            loop {
                let due = self.due();
                if let Some(at) = due.filter(|at| *at != alarm.deadline()) {
                    alarm.as_mut().reset(at);
                }
                ready!(alarm.as_mut().poll(cx));
                if due.is_some() {
                    return Poll::Ready(None);
                }
                // Under way. HTTP/2 drops an answer in another task, which need not wake this one: look again.
                alarm.as_mut().reset(Instant::now() + self.idle);
            }
        })
        .await
    }

    fn has_read(&self) {
        let mut state = self.state();
        if self.heads && state.under_way == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    fn has_written<T>(&self, outcome: Poll<T>) -> Poll<T> {
        let mut state = self.state();
        if outcome.is_ready() {
            state.stalled_since = None;
        } else if state.stalled_since.is_none() {
            state.stalled_since = Some(Instant::now());
        }
        outcome
    }
}

/// A request, until its answer has gone out or is given up.
pub(super) struct UnderWay(Arc<Pace>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        state.quiet_since = Instant::now();
    }
}

/// An answer's body, under way until it ends.
pub(super) struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl Answer {
    pub(super) const fn new(body: Body, under_way: UnderWay) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that keeps its [`Pace`] informed.
pub(super) struct Paced<S> {
    socket: S,
    pace: Arc<Pace>,
}

impl<S> Paced<S> {
    pub(super) const fn new(socket: S, pace: Arc<Pace>) -> Self {
        Self { socket, pace }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pace.has_read();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.pace.has_written(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.pace.has_written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_flush(cx);
        self.pace.has_written(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
