//! Many open event streams, one event, and the time until the last of them has it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::LocalSet, time::timeout};

use crate::{
    Failure,
    http::{Connection, Request, Stream, find},
};

/// Connections being opened at a time: more than a server's queue takes would measure the queue.
const OPENING: usize = 32;
/// An event that has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Begins the event.
const MARK: &[u8] = b"event: consultation.changed";

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrivals {
    /// From writing the request that causes the event until half of the streams have it.
    pub(crate) half: Duration,
    /// Until all have it.
    pub(crate) last: Duration,
}

/// Opens a stream for each of `listeners`, sends `cause` `times` times, each when the last has arrived everywhere, and
/// gives the run whose last arrival is the median. `at_end` is called while the streams are open.
pub(crate) async fn run<T>(
    address: SocketAddr,
    listeners: &[Request],
    cause: &Request,
    times: usize,
    at_end: impl FnOnce() -> Result<T, Failure>,
) -> Result<(Arrivals, T), Failure> {
    let mut streams = open(address, listeners).await?;
    let mut poster = Connection::open(address).await?;
    let mut runs = Vec::new();
    for _ in 0..times {
        let (run, back) = once(&mut poster, streams, cause).await?;
        streams = back;
        runs.push(run);
    }
    let end = at_end()?;
    runs.sort_by_key(|run| run.last);
    let median = runs.get(runs.len() / 2).copied().ok_or_else(|| Failure::new("nothing was measured"))?;
    Ok((median, end))
}

async fn open(address: SocketAddr, listeners: &[Request]) -> Result<Vec<Stream>, Failure> {
    let mut streams = Vec::with_capacity(listeners.len());
    for batch in listeners.chunks(OPENING) {
        let local = LocalSet::new();
        let opening: Vec<_> = batch
            .iter()
            .cloned()
            .map(|request| {
                local.spawn_local(async move {
                    let mut stream = Connection::open(address).await?.stream(&request).await?;
                    // The greeting: from here on the server counts this listener.
                    timeout(PATIENCE, stream.event(b": "))
                        .await
                        .map_err(|_| Failure::new("a stream of events did not begin"))??;
                    Ok::<_, Failure>(stream)
                })
            })
            .collect();
        local
            .run_until(async {
                for task in opening {
                    streams.push(task.await.map_err(|_| Failure::new("an opening ended"))??);
                }
                Ok::<_, Failure>(())
            })
            .await?;
    }
    Ok(streams)
}

async fn once(
    poster: &mut Connection,
    streams: Vec<Stream>,
    cause: &Request,
) -> Result<(Arrivals, Vec<Stream>), Failure> {
    let expected = streams.len();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let local = LocalSet::new();
    for mut stream in streams {
        let arrived = arrived.clone();
        local.spawn_local(async move {
            let came = stream.event(MARK).await;
            let at = Instant::now();
            // The receiver is there until all have come, or has given up.
            drop(arrived.send((at, came, stream)));
        });
    }
    drop(arrived);
    local
        .run_until(async {
            // Every listener's task waits in its read before the cause goes out.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let sent = Instant::now();
            let answer = poster.ask(cause).await?;
            let id = answer
                .json()
                .pointer("/data/id")
                .and_then(|id| id.as_str().map(str::to_owned))
                .filter(|_| answer.head.status == 201)
                .ok_or_else(|| Failure::new(format!("the cause was answered with {}", answer.head.status)))?;
            let mut times = Vec::with_capacity(expected);
            let mut back = Vec::with_capacity(expected);
            while times.len() < expected {
                let (at, came, stream) =
                    timeout(PATIENCE, arrivals.recv()).await.ok().flatten().ok_or_else(|| {
                        Failure::new(format!("{} of {expected} had the event", times.len()))
                    })?;
                if find(&came?, id.as_bytes()).is_none() {
                    return Err(Failure::new("a stream had another event than the one caused"));
                }
                times.push(at.duration_since(sent));
                back.push(stream);
            }
            times.sort_unstable();
            let at = |n: usize| times.get(n).copied().unwrap_or_default();
            let arrivals = Arrivals { half: at(expected / 2), last: at(expected - 1) };
            Ok((arrivals, back))
        })
        .await
}
