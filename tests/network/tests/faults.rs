//! Each fault happens where it was asked for, and nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use chatehr_network::{Fault, Link, Network, Pace, What};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

const REQUEST: &[u8] = b"POST /things HTTP/1.1\r\n\r\n0123456789abcdef";
const SHORT: Duration = Duration::from_millis(150);

/// A server that answers each piece with itself, and keeps all that it has got.
async fn echo() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let got = Arc::clone(&got);
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut piece).await {
                    got.lock().unwrap().extend_from_slice(&piece[..length]);
                    if stream.write_all(&piece[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, kept)
}

async fn ask(network: &Network) -> TcpStream {
    let mut stream = TcpStream::connect(network.address()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    stream
}

/// All that comes, and how it ends: none where it does not.
async fn hear(stream: &mut TcpStream) -> (Vec<u8>, Option<Result<(), ErrorKind>>) {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match timeout(SHORT, stream.read(&mut piece)).await {
            Err(_) => return (all, None),
            Ok(Ok(0)) => return (all, Some(Ok(()))),
            Ok(Ok(length)) => all.extend_from_slice(&piece[..length]),
            Ok(Err(error)) => return (all, Some(Err(error.kind()))),
        }
    }
}

#[tokio::test]
async fn what_is_not_asked_for_passes_unchanged_and_is_counted() {
    let (server, got) = echo().await;
    let network = Network::to(server, 1).await.unwrap();
    network.plan("POST /others", Fault::in_request(0, What::Cut));
    let mut stream = ask(&network).await;
    assert_eq!(hear(&mut stream).await, (REQUEST.to_vec(), None));
    assert_eq!(got.lock().unwrap().as_slice(), REQUEST);
    let traffic = network.take();
    assert_eq!(traffic.requests, ["POST /things HTTP/1.1"]);
    let length = REQUEST.len() as u64;
    assert_eq!(
        (traffic.asked, traffic.answered, traffic.connections, traffic.faults),
        (length, length, 1, 0)
    );
}

#[tokio::test]
async fn a_cut_lets_through_exactly_so_many_bytes_in_either_direction() {
    for after in 0..REQUEST.len() {
        let (server, got) = echo().await;
        let network = Network::to(server, 1).await.unwrap();
        network.plan("POST /things", Fault::in_request(after, What::Cut));
        let mut stream = ask(&network).await;
        assert!(hear(&mut stream).await.1.is_some(), "the client is told");
        for _ in 0..50 {
            if got.lock().unwrap().len() >= after {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(got.lock().unwrap().as_slice(), &REQUEST[..after]);
        assert_eq!(network.traffic().faults, 1);

        network.plan("POST", Fault::in_answer(after, What::Cut));
        let mut stream = ask(&network).await;
        assert_eq!(hear(&mut stream).await, (REQUEST[..after].to_vec(), Some(Ok(()))));
        let mut again = ask(&network).await;
        assert_eq!(hear(&mut again).await, (REQUEST.to_vec(), None), "a fault happens once");
    }
}

#[tokio::test]
async fn a_reset_is_one() {
    let (server, _) = echo().await;
    let network = Network::to(server, 1).await.unwrap();
    network.plan("POST", Fault::in_answer(0, What::Reset));
    let mut stream = ask(&network).await;
    assert_eq!(hear(&mut stream).await.1, Some(Err(ErrorKind::ConnectionReset)));
    let mut stands = ask(&network).await;
    assert_eq!(hear(&mut stands).await.0, REQUEST);
    network.reset_all();
    assert_eq!(hear(&mut stands).await.1, Some(Err(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn silence_ends_nothing_and_a_slow_close_does_in_the_end() {
    let (server, _) = echo().await;
    let network = Network::to(server, 1).await.unwrap();
    network.plan("POST", Fault::in_answer(5, What::Silence));
    network.plan("POST", Fault::in_answer(7, What::SlowClose(SHORT / 2)));
    let mut silent = ask(&network).await;
    assert_eq!(hear(&mut silent).await, (REQUEST[..5].to_vec(), None));
    let mut slow = ask(&network).await;
    assert_eq!(hear(&mut slow).await, (REQUEST[..7].to_vec(), Some(Ok(()))));
    silent.write_all(b"GET /more HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(hear(&mut silent).await, (Vec::new(), None), "it stays silent");
}

#[tokio::test]
async fn noise_stands_where_it_was_asked_for_and_is_the_same_for_the_same_seed() {
    let mut heard = Vec::new();
    for seed in [7, 7, 8] {
        let (server, _) = echo().await;
        let network = Network::to(server, seed).await.unwrap();
        network.plan("POST", Fault::in_answer(10, What::Garbage(6)));
        let mut stream = ask(&network).await;
        heard.push(hear(&mut stream).await.0);
    }
    let noisy = &heard[0];
    assert_eq!((&noisy[..10], &noisy[16..]), (&REQUEST[..10], &REQUEST[10..]));
    assert_eq!(heard[0], heard[1]);
    assert_ne!(heard[0], heard[2]);
}

#[tokio::test]
async fn a_link_refuses_stalls_swallows_and_comes_back() {
    let (server, _) = echo().await;
    let network = Network::to(server, 1).await.unwrap();
    let mut stands = ask(&network).await;
    assert_eq!(hear(&mut stands).await.0, REQUEST);

    network.set_link(Link::Stalled);
    stands.write_all(REQUEST).await.unwrap();
    assert_eq!(hear(&mut stands).await, (Vec::new(), None));
    network.heal();
    assert_eq!(hear(&mut stands).await.0, REQUEST, "what was on its way arrives");

    network.set_link(Link::BlackHole);
    let mut swallowed = ask(&network).await;
    stands.write_all(REQUEST).await.unwrap();
    assert_eq!(hear(&mut swallowed).await, (Vec::new(), None));
    network.heal();
    assert_eq!(hear(&mut swallowed).await, (Vec::new(), None), "it stays dead");
    assert_eq!(hear(&mut stands).await, (Vec::new(), None), "so does what stood");

    network.set_link(Link::Refusing);
    assert!(hear(&mut swallowed).await.1.is_some());
    tokio::time::sleep(SHORT / 3).await;
    assert!(TcpStream::connect(network.address()).await.is_err());
    network.heal();
    tokio::time::sleep(SHORT / 3).await;
    let mut back = ask(&network).await;
    assert_eq!(hear(&mut back).await.0, REQUEST);
}

#[tokio::test]
async fn a_slow_line_is_slow() {
    let (server, _) = echo().await;
    let network = Network::to(server, 1).await.unwrap();
    network.set_pace(Pace { latency: SHORT / 3, jitter: SHORT / 10, bandwidth: Some(1000) });
    let began = Instant::now();
    let mut stream = ask(&network).await;
    let mut answer = vec![0; REQUEST.len()];
    stream.read_exact(&mut answer).await.unwrap();
    // Twice the latency, and twice 41 bytes at 1000 a second.
    assert!(began.elapsed() >= SHORT * 2 / 3 + Duration::from_millis(80));
    network.heal();
    let mut stream = ask(&network).await;
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, REQUEST);
}
