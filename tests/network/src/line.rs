//! One connection through the network.

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{
    Link, Shared, connect,
    fault::{Fault, Side, What},
};

const METHODS: [&[u8]; 5] = [b"GET /", b"POST /", b"PUT /", b"DELETE /", b"PATCH /"];

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
}

/// The request under way: what is to happen to it, and how much has passed. One at a time, as HTTP/1.1 without
/// pipelining has it.
#[derive(Debug, Default)]
struct UnderWay {
    fault: Option<Fault>,
    asked: usize,
    answered: usize,
    /// Nothing passes in either direction any more.
    silent: bool,
}

struct Line {
    shared: Arc<Shared>,
    under_way: Mutex<UnderWay>,
}

impl Line {
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this piece begins a request; if so it is noted, and takes the first fault that was planned for it.
    fn notice(&self, piece: &[u8]) {
        if !METHODS.iter().any(|method| piece.starts_with(method)) {
            return;
        }
        let first = piece.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let first = String::from_utf8_lossy(first).into_owned();
        let mut now = self.shared.now();
        let planned = now.planned.iter().position(|(words, _)| first.starts_with(words.as_str()));
        let fault = planned.map(|place| now.planned.remove(place).1);
        now.traffic.requests.push(first);
        drop(now);
        *self.under_way() = UnderWay { fault, ..UnderWay::default() };
    }

    /// How much of the piece passes before what happens to it.
    fn pass(&self, side: Side, length: usize) -> (usize, Option<What>) {
        let mut now = self.shared.now();
        match side {
            Side::Request => now.traffic.asked += length as u64,
            Side::Answer => now.traffic.answered += length as u64,
        }
        let mut under_way = self.under_way();
        let passed = match side {
            Side::Request => &mut under_way.asked,
            Side::Answer => &mut under_way.answered,
        };
        let before = *passed;
        *passed = before.saturating_add(length);
        match under_way.fault {
            Some(fault) if fault.side == side && fault.after < before.saturating_add(length) => {
                under_way.fault = None;
                under_way.silent = fault.what == What::Silence;
                now.traffic.faults += 1;
                (fault.after.saturating_sub(before), Some(fault.what))
            }
            _ => (length, None),
        }
    }

    fn delay(&self) -> Duration {
        let mut now = self.shared.now();
        let (latency, jitter) = (now.pace.latency, now.pace.jitter);
        latency.saturating_add(if jitter.is_zero() { jitter } else { now.random.up_to(jitter) })
    }

    /// The largest piece, and how long it takes at the bandwidth that there is.
    fn bandwidth(&self) -> Option<u32> {
        self.shared.now().pace.bandwidth
    }
}

/// Carries a client's connection until it ends.
pub(crate) async fn carry(client: TcpStream, shared: Arc<Shared>) {
    // What was ended before this connection began is none of its business.
    let mut end = shared.end.subscribe();
    end.mark_unchanged();
    if *shared.link.borrow() == Link::BlackHole {
        let how = ended(&mut end).await;
        return close(&[&client], how);
    }
    drop(client.set_nodelay(true));
    let Ok(server) = connect(&shared).await else { return close(&[&client], End::Reset) };
    let line = Line { shared, under_way: Mutex::default() };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let how = tokio::select! {
        how = ended(&mut end) => how,
        how = flow(&line, Side::Request, &mut from_client, &mut to_server) => how,
        how = flow(&line, Side::Answer, &mut from_server, &mut to_client) => how,
    };
    close(&[from_client.as_ref(), from_server.as_ref()], how);
    if how == End::Reset {
        // Dropped as they are, they would say goodbye first.
        to_client.forget();
        to_server.forget();
    }
}

async fn ended(end: &mut watch::Receiver<(u64, End)>) -> End {
    match end.changed().await {
        Ok(()) => end.borrow().1,
        Err(_) => End::Closed,
    }
}

/// The sockets go when the caller lets go of them; a reset is how they then go.
fn close(sockets: &[&TcpStream], how: End) {
    if how == End::Reset {
        for socket in sockets {
            // One that is gone already needs no reset.
            drop(socket.set_zero_linger());
        }
    }
}

/// Passes one direction on, until the connection ends one way or another.
async fn flow(line: &Line, side: Side, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> End {
    let mut link = line.shared.link.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let bandwidth = line.bandwidth();
        // Small enough that a slow line is slow all the time, not by turns.
        let most = bandwidth.map_or(buffer.len(), |bytes| (bytes as usize / 50).clamp(1, buffer.len()));
        let room = buffer.get_mut(..most).unwrap_or_default();
        let length = match from.read(room).await {
            Ok(0) => return End::Closed,
            Ok(length) => length,
            Err(_) => return End::Reset,
        };
        let piece = buffer.get(..length).unwrap_or_default();
        if side == Side::Request {
            line.notice(piece);
        }
        let delay = line.delay();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if let Some(bytes) = bandwidth {
            tokio::time::sleep(Duration::from_secs_f64(length as f64 / f64::from(bytes.max(1)))).await;
        }
        let (passing, what) = line.pass(side, length);
        if line.under_way().silent && what.is_none() {
            return pending().await;
        }
        match link.wait_for(|link| *link != Link::Stalled).await.map(|link| *link) {
            Ok(Link::BlackHole) | Err(_) => return pending().await,
            Ok(_) => {}
        }
        let (first, rest) = piece.split_at_checked(passing).unwrap_or((piece, &[]));
        if to.write_all(first).await.is_err() {
            return End::Reset;
        }
        match what {
            None => {}
            Some(What::Cut) => return End::Closed,
            Some(What::Reset) => return End::Reset,
            Some(What::SlowClose(after)) => {
                tokio::time::sleep(after).await;
                return End::Closed;
            }
            Some(What::Silence) => return pending().await,
            Some(What::Garbage(count)) => {
                let noise = line.shared.now().random.bytes(count);
                if to.write_all(&noise).await.is_err() || to.write_all(rest).await.is_err() {
                    return End::Reset;
                }
            }
        }
    }
}
