//! Something on a port that is no ChatEHR: it answers everybody with one web page and remembers what it was told.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{Failure, Outcome};

const PAGE: &str = "<!doctype html><title>Router</title><h1>Welcome to your router</h1>";

/// Listens as long as the process lives.
#[derive(Debug)]
pub(crate) struct Stranger {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stranger {
    /// Begins to listen.
    pub(crate) fn listen() -> Outcome<Self> {
        let failed = |error| Failure::new(format!("the stranger cannot listen: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        thread::spawn(move || {
            for mut stream in listener.incoming().filter_map(Result::ok) {
                stream.set_read_timeout(Some(Duration::from_secs(2))).ok();
                let mut piece = [0; 16 * 1024];
                let length = stream.read(&mut piece).unwrap_or(0);
                ear.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(piece.get(..length).unwrap_or_default());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{PAGE}",
                    PAGE.len()
                );
                stream.write_all(answer.as_bytes()).ok();
            }
        });
        Ok(Self { port, heard })
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All that it was told so far.
    pub(crate) fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}
