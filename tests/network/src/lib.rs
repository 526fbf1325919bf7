//! A network between a client and a server that fails on request, in every way that networks do.
//!
//! Promises: each fault happens where it is asked for, to the byte, and is counted when it has; what is not asked for
//! passes unchanged; what is drawn (a delay, garbage) is the same for the same seed. Refuses to know HTTP beyond the
//! first line of a request: what it breaks, it breaks as a wire does.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod fault;
mod line;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub use self::fault::{Fault, Side, What};
use self::{fault::SplitMix, line::End};

/// How the network as a whole is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Everything passes.
    #[default]
    Up,
    /// Nobody listens; what stands is reset.
    Refusing,
    /// Nothing passes, and what was on its way arrives when the link is up again: packets are lost.
    Stalled,
    /// New connections are taken and never answered, what stands falls silent, and both stay dead afterwards: something
    /// in between has forgotten them.
    BlackHole,
}

/// How bytes pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Before each piece, in each direction.
    pub latency: Duration,
    /// Up to so much more, drawn for each piece.
    pub jitter: Duration,
    /// Bytes in a second, in each direction of each connection; no limit without it.
    pub bandwidth: Option<u32>,
}

/// What has gone through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The first lines of requests, in order.
    pub requests: Vec<String>,
    /// Bytes from clients.
    pub asked: u64,
    /// Bytes from the server.
    pub answered: u64,
    /// Connections made.
    pub connections: u64,
    /// Faults that have happened.
    pub faults: u64,
}

/// A network of one local port, until dropped.
#[derive(Debug)]
pub struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    now: Mutex<Now>,
    link: watch::Sender<Link>,
    /// The ends of the connections that stand.
    end: watch::Sender<(u64, End)>,
}

#[derive(Debug)]
struct Now {
    server: SocketAddr,
    pace: Pace,
    random: SplitMix,
    /// Each for the next request whose first line begins so.
    planned: Vec<(String, Fault)>,
    traffic: Traffic,
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    /// Listens on a free port and leads to `server`. The seed decides what is drawn.
    ///
    /// # Errors
    /// No port.
    pub async fn to(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            now: Mutex::new(Now {
                server,
                pace: Pace::default(),
                random: SplitMix::new(seed),
                planned: Vec::new(),
                traffic: Traffic::default(),
            }),
            link: watch::channel(Link::Up).0,
            end: watch::channel((0, End::Closed)).0,
        });
        let listening = tokio::spawn(listen(listener, address, Arc::clone(&shared)));
        Ok(Self { address, shared, listening })
    }

    /// Where clients connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to another server from the next connection on.
    pub fn lead_to(&self, server: SocketAddr) {
        self.shared.now().server = server;
    }

    /// Makes the network so as a whole.
    pub fn set_link(&self, link: Link) {
        self.shared.link.send_replace(link);
        if link == Link::Refusing {
            self.reset_all();
        }
    }

    /// How bytes pass from here on.
    pub fn set_pace(&self, pace: Pace) {
        self.shared.now().pace = pace;
    }

    /// Lets this happen to the next request whose first line begins with these words (`POST /v1/messages`; all lines
    /// begin with none). Several are taken in the order in which they were planned.
    pub fn plan(&self, request: &str, fault: Fault) {
        self.shared.now().planned.push((request.to_owned(), fault));
    }

    /// Closes every connection that stands.
    pub fn cut_all(&self) {
        self.shared.end.send_modify(|end| *end = (end.0.wrapping_add(1), End::Closed));
    }

    /// Resets every connection that stands.
    pub fn reset_all(&self) {
        self.shared.end.send_modify(|end| *end = (end.0.wrapping_add(1), End::Reset));
    }

    /// Everything passes again, and nothing is planned.
    pub fn heal(&self) {
        {
            let mut now = self.shared.now();
            now.planned.clear();
            now.pace = Pace::default();
        }
        self.set_link(Link::Up);
    }

    /// What has gone through since the last time that this was asked.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut self.shared.now().traffic)
    }

    /// What has gone through so far.
    pub fn traffic(&self) -> Traffic {
        self.shared.now().traffic.clone()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut_all();
    }
}

/// Takes connections while the link is not refusing.
async fn listen(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut link = shared.link.subscribe();
    let mut listener = Some(listener);
    loop {
        let Some(open) = &listener else {
            if link.wait_for(|link| *link != Link::Refusing).await.is_err() {
                return;
            }
            listener = bind_again(address).ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            continue;
        };
        tokio::select! {
            biased;
            refusing = link.wait_for(|link| *link == Link::Refusing) => match refusing {
                Ok(_) => listener = None,
                Err(_) => return,
            },
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                shared.now().traffic.connections += 1;
                tokio::spawn(line::carry(client, Arc::clone(&shared)));
            }
        }
    }
}

fn bind_again(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(128)
}

pub(crate) async fn connect(shared: &Shared) -> io::Result<TcpStream> {
    let server = shared.now().server;
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
