use std::{convert::Infallible, fs, net::Ipv4Addr};

use axum::routing::get;
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::Instant,
};

use super::*;

/// Longer than anything here takes, and shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(10);
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn limits() -> Limits {
    Limits { drain: PATIENCE, ..Limits::default() }
}

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    open: Gauge,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let open = Gauge::default();
        let task = tokio::spawn(serve(listener, tls, app(), limits, open.clone(), stopping));
        Self { address, stop, open, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn answers(&self) -> bool {
        let mut socket = self.connect().await;
        ask(&mut socket, "/").await.starts_with("HTTP/1.1 200")
    }

    /// Waits until no connection is left.
    async fn is_left(&self) {
        let waits = async {
            while self.open.get() > 0 {
                sleep(millis(10)).await;
            }
        };
        timeout(PATIENCE, waits).await.expect("a connection is held");
    }

    async fn stops(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.task).await.expect("it goes on").unwrap();
    }
}

fn app() -> Router {
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 64 * 1024]));
    let trickle = || {
        Body::from_stream(stream::unfold(0, async |n| {
            sleep(millis(100)).await;
            (n < 15).then_some((Ok::<_, Infallible>("tick "), n + 1))
        }))
    };
    Router::new()
        .route("/", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
        .route("/slow", get(async || sleep(millis(500)).await))
        .route("/never", get(async || std::future::pending::<()>().await))
        .route("/endless", get(async || Body::from_stream(endless)))
        .route("/trickle", get(async move || trickle()))
}

/// Asks, and reads the answer's first part.
async fn ask(socket: &mut TcpStream, path: &str) -> String {
    socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut buffer = [0; 1024];
    let read = timeout(PATIENCE, socket.read(&mut buffer)).await.expect("no answer").unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// What comes until the connection ends, and how long that takes.
async fn rest(socket: &mut TcpStream) -> (String, Duration) {
    let (began, mut text) = (Instant::now(), Vec::new());
    // A reset is an end too.
    drop(timeout(PATIENCE, socket.read_to_end(&mut text)).await.expect("the connection is held"));
    (String::from_utf8_lossy(&text).into_owned(), began.elapsed())
}

/// Sends a byte of a head every 20 ms until the connection ends.
async fn drip(socket: TcpStream) -> Duration {
    let (mut reads, mut writes) = socket.into_split();
    let sending = tokio::spawn(async move {
        while writes.write_all(b"a").await.is_ok() {
            sleep(millis(20)).await;
        }
    });
    let began = Instant::now();
    drop(timeout(PATIENCE, reads.read_to_end(&mut Vec::new())).await.expect("the connection is held"));
    sending.abort();
    began.elapsed()
}

#[tokio::test]
async fn each_request_has_its_peers_address() {
    let server = Server::start(limits(), None).await;
    let mut socket = server.connect().await;
    let here = socket.local_addr().unwrap().to_string();
    assert!(ask(&mut socket, "/").await.ends_with(&here));
}

#[tokio::test]
async fn whoever_sends_a_head_too_slowly_is_cut_off_and_nobody_else() {
    let server = Server::start(Limits { header_read_timeout: millis(400), ..limits() }, None).await;
    let mut quick = server.connect().await;
    ask(&mut quick, "/").await;
    let (slow, mut silent) = (server.connect().await, server.connect().await);
    let (slow, (said, silent)) = tokio::join!(drip(slow), rest(&mut silent));
    assert_eq!(said, "");
    for elapsed in [slow, silent] {
        assert!(elapsed >= millis(300) && elapsed < millis(2_000), "{elapsed:?}");
    }
    assert!(ask(&mut quick, "/").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_slow_head_after_a_quick_one_is_cut_off_as_well() {
    let server = Server::start(Limits { header_read_timeout: millis(400), ..limits() }, None).await;
    let mut socket = server.connect().await;
    ask(&mut socket, "/").await;
    let elapsed = drip(socket).await;
    assert!(elapsed >= millis(300) && elapsed < millis(2_000), "{elapsed:?}");
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_and_not_for_ever() {
    let limits = Limits { header_read_timeout: millis(100), keep_alive_timeout: millis(800), ..limits() };
    let server = Server::start(limits, None).await;
    let mut socket = server.connect().await;
    for _ in 0..3 {
        assert!(ask(&mut socket, "/").await.starts_with("HTTP/1.1 200"));
        sleep(millis(300)).await;
    }
    let (said, elapsed) = rest(&mut socket).await;
    assert_eq!(said, "");
    assert!(elapsed >= millis(300) && elapsed < millis(3_000), "{elapsed:?}");
    server.is_left().await;
}

#[tokio::test]
async fn an_answer_may_take_its_time_as_long_as_its_reader_takes_it() {
    let limits = Limits {
        header_read_timeout: millis(100),
        keep_alive_timeout: millis(200),
        stall_timeout: millis(300),
        ..limits()
    };
    let server = Server::start(limits, None).await;
    let mut socket = server.connect().await;
    socket.write_all(b"GET /trickle HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (said, _) = rest(&mut socket).await;
    assert_eq!(said.matches("tick").count(), 15);
}

#[tokio::test]
async fn whoever_takes_nothing_of_an_answer_is_cut_off() {
    let server = Server::start(Limits { stall_timeout: millis(300), ..limits() }, None).await;
    let mut deaf = server.connect().await;
    deaf.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    timeout(PATIENCE, deaf.readable()).await.unwrap().unwrap();
    server.is_left().await;
}

#[tokio::test]
async fn whoever_takes_an_answer_by_and_by_is_not_deaf() {
    let server = Server::start(Limits { stall_timeout: millis(300), ..limits() }, None).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut part = vec![0; 4 * 1024 * 1024];
    for _ in 0..24 {
        slow.read_exact(&mut part).await.unwrap();
        sleep(millis(100)).await;
    }
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_and_harms_nobody() {
    let server = Server::start(Limits { max_headers: 50, ..limits() }, None).await;
    let mut quick = server.connect().await;
    ask(&mut quick, "/").await;

    let mut many = GET.strip_suffix(b"\r\n").unwrap().to_vec();
    for n in 0..50 {
        many.extend(format!("x-{n}: 1\r\n").bytes());
    }
    many.extend(b"\r\n");
    let mut socket = server.connect().await;
    socket.write_all(&many).await.unwrap();
    assert!(rest(&mut socket).await.0.starts_with("HTTP/1.1 431"));

    let mut long = b"GET / HTTP/1.1\r\nhost: x\r\nx: ".to_vec();
    long.resize(33 * 1024, b'a');
    let mut socket = server.connect().await;
    socket.write_all(&long).await.unwrap();
    let (said, _) = rest(&mut socket).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");

    // One without an end.
    let flood = async |mut socket: TcpStream| while socket.write_all(&[b'a'; 64 * 1024]).await.is_ok() {};
    let (one, other) = (server.connect().await, server.connect().await);
    timeout(PATIENCE, async { tokio::join!(flood(one), flood(other)) }).await.expect("it reads without end");

    assert!(ask(&mut quick, "/").await.starts_with("HTTP/1.1 200"));
    assert!(server.answers().await);
}

#[tokio::test]
async fn a_head_within_its_bounds_is_taken() {
    let server = Server::start(limits(), None).await;
    let mut head = b"GET / HTTP/1.1\r\nhost: x\r\nx: ".to_vec();
    head.resize(31 * 1024, b'a');
    head.extend(b"\r\n");
    for n in 0..90 {
        head.extend(format!("x-{n}: 1\r\n").bytes());
    }
    head.extend(b"connection: close\r\n\r\n");
    assert!(head.len() < 32 * 1024);
    let mut socket = server.connect().await;
    socket.write_all(&head).await.unwrap();
    assert!(rest(&mut socket).await.0.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_no_http_at_all_ends_its_own_connection_alone() {
    let server = Server::start(Limits { header_read_timeout: millis(200), ..limits() }, None).await;
    let garbage: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n:\r\n\r\n",
    ];
    for bytes in garbage {
        let mut socket = server.connect().await;
        socket.write_all(bytes).await.unwrap();
        let (said, _) = rest(&mut socket).await;
        assert!(!said.starts_with("HTTP/1.1 2"), "{bytes:?}: {said}");
        assert!(server.answers().await);
    }
    server.is_left().await;
}

#[tokio::test]
async fn further_connections_wait_for_a_place() {
    let server = Server::start(Limits { max_connections: 1, ..limits() }, None).await;
    let mut first = server.connect().await;
    ask(&mut first, "/").await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    assert!(timeout(millis(300), second.read_u8()).await.is_err());
    drop(first);
    assert_eq!(timeout(PATIENCE, second.read_u8()).await.unwrap().unwrap(), b'H');
}

#[tokio::test]
async fn requests_under_way_are_finished_and_no_new_one_is_taken() {
    let server = Server::start(limits(), None).await;
    let (mut slow, mut idle, mut silent) =
        (server.connect().await, server.connect().await, server.connect().await);
    ask(&mut idle, "/").await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(millis(100)).await;
    let address = server.address;
    let (_, (said, _), _, (unsaid, _)) =
        tokio::join!(server.stops(), rest(&mut slow), rest(&mut idle), rest(&mut silent));
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
    assert_eq!(unsaid, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_up_the_stop() {
    let server = Server::start(Limits { drain: millis(300), ..limits() }, None).await;
    let mut never = server.connect().await;
    never.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(millis(100)).await;
    let began = Instant::now();
    server.stops().await;
    assert!(began.elapsed() >= millis(250) && began.elapsed() < millis(3_000), "{:?}", began.elapsed());
    assert_eq!(rest(&mut never).await.0, "");
}

/// A certificate for this machine in two files.
struct Issued {
    files: tempfile::TempDir,
}

impl Issued {
    fn new() -> (Self, reqwest::Certificate) {
        let issued = Self { files: tempfile::tempdir().unwrap() };
        let root = issued.renew();
        (issued, root)
    }

    fn renew(&self) -> reqwest::Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        fs::write(self.files.path().join("chain.pem"), made.cert.pem()).unwrap();
        fs::write(self.files.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        reqwest::Certificate::from_der(made.cert.der()).unwrap()
    }

    fn load(&self) -> (Arc<ServerConfig>, Arc<tls::Certificate>) {
        tls::load(&self.files.path().join("chain.pem"), &self.files.path().join("key.pem")).unwrap()
    }
}

fn client(root: &reqwest::Certificate) -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_certs_only([root.clone()]).no_proxy().timeout(PATIENCE)
}

#[tokio::test]
async fn a_client_that_knows_the_certificate_speaks_http_2_or_1_over_tls() {
    let (issued, root) = Issued::new();
    let server = Server::start(limits(), Some(issued.load().0)).await;
    let url = format!("https://{}/", server.address);
    let (two, one) = (client(&root).build().unwrap(), client(&root).http1_only().build().unwrap());
    for (client, version) in [(&two, reqwest::Version::HTTP_2), (&one, reqwest::Version::HTTP_11)] {
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, version));
        assert!(answer.text().await.unwrap().starts_with("127.0.0.1:"));
    }
    let stranger = client(&Issued::new().1).build().unwrap();
    assert!(stranger.get(&url).send().await.unwrap_err().is_connect());
    server.stops().await;
}

#[tokio::test]
async fn http_2_is_bounded_like_http_1() {
    let (issued, root) = Issued::new();
    let limits = Limits { keep_alive_timeout: millis(600), drain: millis(300), ..limits() };
    let server = Server::start(limits, Some(issued.load().0)).await;
    let url = format!("https://{}", server.address);
    let client = client(&root).build().unwrap();

    let mut many = client.get(&url);
    for n in 0..100 {
        many = many.header(format!("x-{n}"), "1");
    }
    assert_eq!(many.send().await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    for (kib, status) in [(31, StatusCode::OK), (33, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
        let long = client.get(&url).header("x", "a".repeat(kib * 1024)).send().await.unwrap();
        assert_eq!(long.status(), status);
    }

    let trickle = client.get(format!("{url}/trickle")).send().await.unwrap().text().await.unwrap();
    assert_eq!(trickle.matches("tick").count(), 15, "a stream is not idle");
    // The client would keep the connection for 90 s.
    server.is_left().await;

    let never = tokio::spawn(client.get(format!("{url}/never")).send());
    sleep(millis(200)).await;
    server.stops().await;
    assert!(never.await.unwrap().is_err());
}

#[tokio::test]
async fn a_cancelled_http_2_request_does_not_hold_its_connection() {
    let (issued, root) = Issued::new();
    let limits = Limits { header_read_timeout: millis(300), keep_alive_timeout: millis(400), ..limits() };
    let server = Server::start(limits, Some(issued.load().0)).await;
    let client = client(&root).build().unwrap();
    let never = client.get(format!("https://{}/never", server.address)).timeout(millis(600)).send().await;
    assert!(never.unwrap_err().is_timeout());
    server.is_left().await;
}

#[tokio::test]
async fn who_does_not_speak_tls_to_a_tls_port_is_not_held() {
    let (issued, _) = Issued::new();
    let limits = Limits { tls_handshake_timeout: millis(300), ..limits() };
    let server = Server::start(limits, Some(issued.load().0)).await;
    let (mut plain, mut silent) = (server.connect().await, server.connect().await);
    plain.write_all(GET).await.unwrap();
    let (said, _) = rest(&mut plain).await;
    assert!(!said.starts_with("HTTP"), "{said}");
    let (_, elapsed) = rest(&mut silent).await;
    assert!(elapsed < millis(2_000), "{elapsed:?}");
    server.is_left().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let (issued, before) = Issued::new();
    let (config, certificate) = issued.load();
    let server = Server::start(limits(), Some(config)).await;
    let watching = tokio::spawn(certificate.watch(millis(50), server.stop.subscribe()));
    let url = format!("https://{}/", server.address);
    let known = client(&before).build().unwrap();
    known.get(&url).send().await.unwrap();

    let after = issued.renew();
    let renewed = async {
        while client(&after).build().unwrap().get(&url).send().await.is_err() {
            sleep(millis(50)).await;
        }
    };
    timeout(PATIENCE, renewed).await.expect("the old certificate is shown");
    known.get(&url).send().await.expect("a connection from before goes on");
    assert!(client(&before).build().unwrap().get(&url).send().await.is_err());
    server.stops().await;
    timeout(PATIENCE, watching).await.unwrap().unwrap();
}
