//! Servers that answer anything but what ChatEHR answers, and a gateway that does not fall with them.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{WARD_KEY, gateway_to, until};
use crate::support::{API_KEY, Clinic};

const SECRET: &str = "stack-trace-at-10.0.0.7";

/// What is written for each request, by its path; nothing is silence.
type Script = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

struct Server {
    base: String,
    /// The heads that came.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(script: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (script, kept): (Script, _) = (Arc::new(script), Arc::clone(&heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&kept)));
            }
        });
        Self { base, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Script, heads: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head);
    match script(&path) {
        Some(answer) => {
            stream.write_all(&answer).await?;
            stream.shutdown().await
        }
        None => std::future::pending().await,
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn healthy(features: &[&str]) -> Vec<u8> {
    let body =
        json!({ "status": "healthy", "service": "Mock ChatEHR", "version": "1", "features": features });
    http("200 OK", "Content-Type: application/json\r\n", body.to_string().as_bytes())
}

/// A connection of a client, kept over failures.
struct Client(TcpStream);

impl Client {
    async fn of(gateway: &Clinic) -> Self {
        Self(TcpStream::connect(gateway.running.address).await.unwrap())
    }

    async fn get(&mut self, path: &str) -> (u16, Value) {
        let request =
            format!("GET /api/chatehr{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WARD_KEY}\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("the client's connection ends"));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_slice(&body).unwrap())
    }
}

/// What an upstream of either kind answers to a list, and what a client of the gateway then hears, twice on the same
/// connection.
async fn heard(features: &'static [&'static str], answer: Option<Vec<u8>>) -> (u16, String) {
    let server =
        Server::answering(
            move |path| {
                if path == "/v1/health" { Some(healthy(features)) } else { answer.clone() }
            },
        )
        .await;
    let gateway =
        gateway_to(server.base.clone(), |config| config.upstream_timeout = Duration::from_millis(700)).await;
    let mut client = Client::of(&gateway).await;
    let mut last = None;
    for _ in 0..2 {
        let (status, body) = client.get("/consultations").await;
        assert_eq!(
            (body["success"].as_bool(), body["error"]["requestId"].is_string()),
            (Some(false), true),
            "{body}"
        );
        let said = body.to_string();
        for leak in [SECRET, "127.0.0.1", API_KEY, "evil"] {
            assert!(!said.contains(leak), "{said}");
        }
        last = Some((status, body["error"]["code"].as_str().unwrap().to_owned()));
    }
    assert_eq!(client.get("/health").await.1["service"], "ChatEHR (gateway)");
    last.unwrap()
}

#[tokio::test]
async fn whatever_is_answered_a_client_hears_one_of_two_faults_and_keeps_its_connection() {
    let json = "Content-Type: application/json\r\n";
    let elsewhere = Server::answering(|_| Some(http("200 OK", "", b"[]"))).await;
    let mut half = http("200 OK", json, &[b'['; 400]);
    half.truncate(half.len() - 200);
    let chunked = format!("HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n5\r\n[{{\"id\r\n");
    let short = format!("HTTP/1.1 200 OK\r\n{json}Content-Length: 5\r\n\r\n[{{\"id\":\"x\"}}]");
    let endless =
        format!("HTTP/1.1 200 OK\r\n{json}Connection: close\r\n\r\n[{}", "\"a\",".repeat(2_500_000));
    let redirect = format!("Location: {}/consultations\r\n", elsewhere.base);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a web page", http("200 OK", "Content-Type: text/html\r\n", b"<html>evil</html>")),
        ("a web page in disguise", http("200 OK", json, b" <!doctype html>evil")),
        ("an object for a list", http("200 OK", json, b"{\"id\":\"evil\"}")),
        ("invalid JSON", http("200 OK", json, b"[{\"id\": evil")),
        ("bytes that are no text", http("200 OK", json, b"[\"\xff\xfe\"]")),
        ("nothing", http("200 OK", json, b"")),
        ("half a body", half),
        ("half a chunk", chunked.into_bytes()),
        ("a length that is too short", short.into_bytes()),
        ("ten megabytes", http("200 OK", json, &vec![b' '; 10 * 1024 * 1024])),
        ("ten megabytes without a length", endless.into_bytes()),
        ("a redirect", http("302 Found", &redirect, b"")),
        (
            "our key is refused",
            http("401 Unauthorized", json, format!("{{\"message\":\"{SECRET}\"}}").as_bytes()),
        ),
        (
            "a fault of its own",
            http("500 Internal Server Error", json, format!("{{\"message\":\"{SECRET}\"}}").as_bytes()),
        ),
        ("a status of no meaning", http("299 Evil", json, b"[]")),
        ("a switch of protocols", http("101 Switching Protocols", "", b"")),
        ("no HTTP at all", b"SSH-2.0-evil\r\n".to_vec()),
        ("nothing but the end", Vec::new()),
    ];
    for (name, answer) in cases {
        for features in [&["on-behalf-of"] as &[&str], &[]] {
            let heard = heard(features, Some(answer.clone())).await;
            assert_eq!(heard, (502, "UPSTREAM_ERROR".to_owned()), "{name}, {features:?}");
        }
    }
    assert_eq!(elsewhere.heads(), Vec::<String>::new(), "a redirect is not followed");
}

#[tokio::test]
async fn a_server_that_hangs_is_a_time_out() {
    for features in [&["on-behalf-of"] as &[&str], &[]] {
        assert_eq!(heard(features, None).await, (504, "UPSTREAM_TIMEOUT".to_owned()));
    }
    // In the middle of an answer, too.
    let begun = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[".to_vec();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 2048];
            let read = stream.read(&mut head).await.unwrap();
            let answer = if head[..read].starts_with(b"GET /v1/health") {
                healthy(&["on-behalf-of"])
            } else {
                begun.clone()
            };
            stream.write_all(&answer).await.unwrap();
            kept.push(stream);
        }
    });
    let gateway = gateway_to(base, |config| config.upstream_timeout = Duration::from_millis(700)).await;
    let (status, body) = Client::of(&gateway).await.get("/consultations").await;
    assert_eq!((status, &body["error"]["code"]), (504, &json!("UPSTREAM_TIMEOUT")));
}

#[tokio::test]
async fn what_is_not_chatehr_gets_no_key_and_no_question_but_who_it_is() {
    let json = "Content-Type: application/json\r\n";
    let answers = [
        http("200 OK", json, br#"{"object":"list","data":[{"id":"gpt"}]}"#),
        http("200 OK", json, br#"{"status":"ok","service":"a language model","version":"1"}"#),
        http("200 OK", json, br#"["Mock ChatEHR",[]]"#),
        http("404 Not Found", json, br#"{"service":"ChatEHR"}"#),
        http("401 Unauthorized", json, br#"{"service":"ChatEHR"}"#),
        http("200 OK", "Content-Type: text/html\r\n", br#"{"service":"ChatEHR"}"#),
        http("200 OK", json, &[br#"{"service":"ChatEHR"}"#.to_vec(), vec![b' '; 100_000]].concat()),
    ];
    for answer in answers {
        let server = Server::answering(move |_| Some(answer.clone())).await;
        let gateway = gateway_to(server.base.clone(), |_| {}).await;
        let mut client = Client::of(&gateway).await;
        assert_eq!(client.get("/health").await.0, 503);
        for path in ["/consultations", "/messages/c-1", "/events", "/policy"] {
            assert_eq!(client.get(path).await.0, 502, "{path}");
        }
        let stranger = gateway.caller("", "some-token").api().get("/consultations").await;
        assert_eq!((stranger.status, &stranger.json["error"]["code"]), (502, &json!("UPSTREAM_ERROR")));
        for head in server.heads() {
            assert!(head.starts_with("GET /v1/health HTTP/1.1\r\n"), "{head}");
            assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
        }
    }
}

#[tokio::test]
async fn a_stream_of_nonsense_is_kept_away_from_listeners() {
    let features = &["on-behalf-of", "events"];
    let streams: [&[u8]; 5] = [
        b"id: nowhere\n\n",
        b"id: e-1\n\nid: e-2\ndata: evil\n\n",
        b"id: e-1\n\nid: e-2\ndata: {\"kind\":\"message.created\",\"consultationId\":\"c\",\"messageId\":\"m\"}\n\n",
        b"data: {\"kind\":\"reset\"}\nid: e-1\n\n",
        &[b'x'; 200_000],
    ];
    for stream in streams {
        let server = Server::answering(move |path| {
            if path == "/v1/health" {
                return Some(healthy(features));
            }
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
            Some([head, stream].concat())
        })
        .await;
        let gateway = gateway_to(server.base.clone(), |_| {}).await;
        until("the stream is asked for again", || async {
            server.heads().iter().filter(|head| head.contains("events")).count() > 3
        })
        .await;
        let mut client = Client::of(&gateway).await;
        assert_eq!(client.get("/health").await.0, 200);
    }
}
