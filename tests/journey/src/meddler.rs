//! Stands between a window and the server and changes what the server says: words that nobody knows, text that wants
//! to be more than text, events that cannot be read.
//!
//! One request for each connection, so that no answer is mistaken for another's.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::Value;

use crate::{Failure, Outcome};

/// Changes one JSON answer.
type Change = dyn Fn(&mut Value) + Send + Sync;

/// Meddles as long as the process lives.
#[derive(Debug)]
pub(crate) struct Meddler {
    port: u16,
    told: Arc<Told>,
}

/// What went through.
#[derive(Debug, Default)]
struct Told {
    requests: Mutex<Vec<String>>,
    listeners: Mutex<Vec<TcpStream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meddler {
    /// Listens on a free port; every JSON answer of `server` goes through `change`.
    pub(crate) fn before(server: u16, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Outcome<Self> {
        let failed = |error| Failure::new(format!("the meddler cannot listen: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let told = Arc::new(Told::default());
        let (change, record): (Arc<Change>, _) = (Arc::new(change), Arc::clone(&told));
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let (change, told) = (Arc::clone(&change), Arc::clone(&record));
                thread::spawn(move || pass(stream, server, change.as_ref(), &told));
            }
        });
        Ok(Self { port, told })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The first lines of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.told.requests).clone()
    }

    /// Says something to everybody who listens for events; true if anybody did.
    pub(crate) fn say(&self, words: &str) -> bool {
        let chunk = format!("{:x}\r\n{words}\r\n", words.len());
        let mut listeners = lock(&self.told.listeners);
        listeners.retain_mut(|stream| stream.write_all(chunk.as_bytes()).is_ok());
        !listeners.is_empty()
    }
}

/// One request and its answer; whatever breaks ends the connection, as it would without us.
fn pass(caller: TcpStream, server: u16, change: &Change, told: &Told) -> Option<()> {
    let mut from = BufReader::new(caller.try_clone().ok()?);
    let (first, head, length) = read_head(&mut from)?;
    lock(&told.requests).push(first.trim().to_owned());
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let mut to = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).ok()?;
    to.write_all(format!("{first}{head}Connection: close\r\n\r\n").as_bytes()).ok()?;
    to.write_all(&body).ok()?;
    let mut answer = BufReader::new(to);
    if first.contains("/events") {
        return pass_events(caller, answer, told);
    }
    let (status, head, length) = read_head(&mut answer)?;
    let mut body = vec![0; length];
    answer.read_exact(&mut body).ok()?;
    if let Ok(mut json) = serde_json::from_slice::<Value>(&body) {
        change(&mut json);
        body = json.to_string().into_bytes();
    }
    let mut caller = caller;
    let head = format!("{status}{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    caller.write_all(head.as_bytes()).ok()?;
    caller.write_all(&body).ok()?;
    caller.shutdown(Shutdown::Both).ok()
}

/// The stream goes through as it comes; what we say ourselves goes in between.
fn pass_events(caller: TcpStream, mut answer: BufReader<TcpStream>, told: &Told) -> Option<()> {
    let mut out = caller.try_clone().ok()?;
    let mut listens = Some(caller);
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = answer.read(&mut piece) {
        // One at a time: a chunk of the server's must not be cut in two by one of ours.
        let mut listeners = lock(&told.listeners);
        if out.write_all(piece.get(..length).unwrap_or_default()).is_err() {
            break;
        }
        listeners.extend(listens.take());
    }
    out.shutdown(Shutdown::Both).ok()
}

/// The first line, the other lines but for those on length and connection, and the body's length.
fn read_head(from: &mut impl std::io::BufRead) -> Option<(String, String, usize)> {
    let (mut first, mut head, mut body) = (String::new(), String::new(), 0);
    from.read_line(&mut first).ok().filter(|length| *length > 0)?;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let lower = line.to_ascii_lowercase();
        if line.trim().is_empty() {
            return Some((first, head, body));
        } else if let Some(length) = lower.strip_prefix("content-length:") {
            body = length.trim().parse().ok()?;
            if first.starts_with("HTTP/") {
                continue;
            }
        } else if lower.starts_with("connection:") {
            continue;
        }
        head.push_str(&line);
    }
}
