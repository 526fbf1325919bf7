//! Servers that are down, hang, lie or never stop talking. Every one becomes an error that tells no secret.

use chatehr_client::{BadAnswer, ClientError, ConnectionFault};
use chatehr_contract::ConsultationId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::{TOKEN, client, health, impatient_client};

/// What a hand-written server does after its head of an answer.
#[derive(Clone, Copy)]
enum Then {
    HangUp,
    Hang,
    TalkForEver,
}

/// A server that is ChatEHR at /health and answers everything else with these bytes.
async fn rough_server(answer: &'static str, then: Then) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                if head.starts_with(b"GET /v1/health ") {
                    let body = health().to_string();
                    let length = body.len();
                    let whole = format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    socket.write_all(whole.as_bytes()).await.ok();
                    return;
                }
                socket.write_all(answer.as_bytes()).await.ok();
                match then {
                    Then::HangUp => {}
                    Then::Hang => std::future::pending().await,
                    Then::TalkForEver => {
                        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                        while socket.write_all(chunk.as_bytes()).await.is_ok() {}
                    }
                }
            });
        }
    });
    (base, server)
}

async fn meets(answer: &'static str, then: Then) -> ClientError {
    let (base, server) = rough_server(answer, then).await;
    let patient = !matches!(then, Then::Hang);
    let client = if patient { client(&base) } else { impatient_client(&base) };
    let error = client.with_session(TOKEN).consultation(&ConsultationId::new("c")).await.unwrap_err();
    server.abort();
    let port = base.rsplit_once(':').unwrap().1.trim_end_matches("/v1").to_owned();
    let told = format!("{error} {error:?} {error:#?}");
    for secret in ["127.0.0.1", &port, TOKEN, "chest", "consultations"] {
        assert!(!told.contains(secret), "{told}");
    }
    error
}

#[tokio::test]
async fn a_server_that_is_down_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(&format!("http://{address}/v1")).health().await.unwrap_err();
    assert_eq!(
        error,
        ClientError::Unreachable(ConnectionFault::NotMade(Some(std::io::ErrorKind::ConnectionRefused)))
    );
    assert!(!format!("{error:?}").contains(&address.port().to_string()));
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_before_and_within_its_answer() {
    assert_eq!(meets("", Then::Hang).await, ClientError::Timeout);
    assert_eq!(meets("HTTP/1.1 200 OK\r\ncontent-le", Then::Hang).await, ClientError::Timeout);
    assert_eq!(
        meets("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\":", Then::Hang).await,
        ClientError::Timeout
    );
}

#[tokio::test]
async fn half_an_answer_is_a_broken_connection() {
    for half in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-",
        "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"description\":\"chest pain\"",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nchest\r\n",
        "chest pain\r\n\r\n",
    ] {
        let error = meets(half, Then::HangUp).await;
        assert!(matches!(error, ClientError::Unreachable(ConnectionFault::Broken(_))), "{half:?}: {error:?}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn an_answer_longer_than_it_says_is_malformed() {
    let error =
        meets("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"description\":\"chest pain\"}", Then::HangUp)
            .await;
    assert!(matches!(error, ClientError::Malformed(BadAnswer::Json { .. })), "{error:?}");
}

#[tokio::test]
async fn json_of_something_else_is_malformed_and_not_quoted() {
    let error =
        meets("HTTP/1.1 200 OK\r\n\r\n{\"id\":\"chest pain\",\"status\":[\"chest pain\"]}", Then::HangUp)
            .await;
    assert!(matches!(error, ClientError::Malformed(BadAnswer::Json { .. })), "{error:?}");
}

#[tokio::test]
async fn a_web_page_is_not_chatehr() {
    let error = meets("HTTP/1.1 200 OK\r\n\r\n\n <!DOCTYPE html><p>chest pain", Then::HangUp).await;
    assert!(matches!(error, ClientError::NotChatEhr { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut() {
    let too_long = ClientError::Malformed(BadAnswer::TooLong(16 * 1024 * 1024));
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 16777217\r\n\r\n";
    assert_eq!(meets(announced, Then::HangUp).await, too_long);
    let unannounced = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(meets(unannounced, Then::TalkForEver).await, too_long);
}

#[tokio::test]
async fn a_refusal_without_an_end_is_a_refusal() {
    let refusal = "HTTP/1.1 409 Conflict\r\ntransfer-encoding: chunked\r\n\r\n";
    let error = meets(refusal, Then::TalkForEver).await;
    assert_eq!(error, ClientError::Conflict { current: None, message: String::new() });
}
