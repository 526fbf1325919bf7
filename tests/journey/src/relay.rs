//! Stands between a window and the server, and can hold back the server's events.
//!
//! Why: "two physicians accept at once" needs a window that has not heard yet. With the events held, the other
//! physician's change is made, the button is pressed, and what the window shows is the server's own answer: the
//! same every time, with no race to win.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{Failure, Outcome};

/// Relays a local port until dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    gate: Arc<Gate>,
    over: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Gate {
    held: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, held: bool) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        self.changed.notify_all();
    }

    fn wait_until_open(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held {
            held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Relay {
    /// Listens on a free port and passes everything on to `server`.
    pub(crate) fn to(server: u16) -> Outcome<Self> {
        let failed = |error| Failure::new(format!("the relay cannot listen: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let gate = Arc::new(Gate::default());
        let over = Arc::new(AtomicBool::new(false));
        let relay = Self { port, gate: Arc::clone(&gate), over: Arc::clone(&over) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    join(stream, server, &gate);
                }
            }
        });
        Ok(relay)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets no event through until [`Relay::release_events`].
    pub(crate) fn hold_events(&self) {
        self.gate.set(true);
    }

    /// Lets events through again, the held ones first.
    pub(crate) fn release_events(&self) {
        self.gate.set(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.release_events();
        // Wakes the listener, so that it closes and later callers are refused.
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).ok();
    }
}

/// Connects a caller with the server; both directions end together.
fn join(caller: TcpStream, server: u16, gate: &Arc<Gate>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    let is_events = Arc::new(AtomicBool::new(false));
    let (Ok(caller_out), Ok(server_out)) = (caller.try_clone(), server.try_clone()) else { return };
    let asked = Arc::clone(&is_events);
    thread::spawn(move || {
        pass(caller, server_out, |piece| {
            // A request's first bytes come in one piece; the event stream never ends, so its connection is its own.
            if piece.starts_with(b"GET /") {
                let line = piece.split(|byte| *byte == b'\r').next().unwrap_or_default();
                asked.store(line.windows(7).any(|seven| seven == b"/events"), Ordering::SeqCst);
            }
        });
    });
    let gate = Arc::clone(gate);
    thread::spawn(move || {
        pass(server, caller_out, |_| {
            if is_events.load(Ordering::SeqCst) {
                gate.wait_until_open();
            }
        });
    });
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut before: impl FnMut(&[u8])) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let piece = piece.get(..length).unwrap_or_default();
        before(piece);
        if to.write_all(piece).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        thread,
        time::Duration,
    };

    use super::Relay;

    /// A server that answers each piece with "ok".
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut piece = [0; 1024];
                    while matches!(stream.read(&mut piece), Ok(1..)) && stream.write_all(b"ok").is_ok() {}
                });
            }
        });
        port
    }

    fn ask(relay: &Relay, request: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        stream.write_all(request).unwrap();
        stream
    }

    #[test]
    fn events_wait_while_held_and_everything_else_passes() {
        let relay = Relay::to(echo()).unwrap();
        relay.hold_events();
        let mut events = ask(&relay, b"GET /v1/events HTTP/1.1\r\n\r\n");
        let mut other = ask(&relay, b"PUT /v1/consultations/1 HTTP/1.1\r\n\r\n");
        let mut answer = [0; 2];
        other.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ok");
        events.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
        assert!(events.read(&mut answer).is_err(), "an event came through while held");
        relay.release_events();
        events.set_read_timeout(None).unwrap();
        events.read_exact(&mut answer).unwrap();
    }

    #[test]
    fn a_relay_that_is_gone_refuses_callers() {
        let relay = Relay::to(echo()).unwrap();
        let port = relay.port();
        drop(relay);
        crate::process::wait_for("the port is closed", || {
            Ok(TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()))
        })
        .unwrap();
    }
}
