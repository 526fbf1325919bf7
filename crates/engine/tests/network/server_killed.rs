//! A server that is killed between its commit and its answer: with the next one the desk finds that it was done, and does
//! it no second time.
//!
//! The server runs in a program of its own, over a store that outlives it; its parent has the desk and the network, which
//! swallows the answer, and kills it (SIGKILL).

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chatehr_contract::*;
use chatehr_network::{Fault, Network, What};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    MESSAGE,
    support::*,
    world::{patience, shown, words},
};

/// Set in the program that has the server.
const LISTEN: &str = "CHATEHR_TEST_SERVER_LISTEN";
const STORE: &str = "CHATEHR_TEST_SERVER_STORE";
const TEST: &str = "server_killed::what_a_server_did_that_died_before_it_answered_is_done_once";

/// The program with the server.
struct Server(Child);

impl Server {
    fn begin(listen: SocketAddr, store: &Path) -> (Self, SocketAddr) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(LISTEN, listen.to_string())
            .env(STORE, store)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = said.find_map(|line| line.strip_prefix("listens ")?.parse().ok());
        (Self(child), address.expect("it says where it listens"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn until<F: Future<Output = bool>>(why: &str, holds: impl Fn() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(30), "{why}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_server_did_that_died_before_it_answered_is_done_once() {
    if let Ok(listen) = std::env::var(LISTEN) {
        let server = serve(listen.parse().unwrap(), Path::new(&std::env::var(STORE).unwrap())).await;
        println!("\nlistens {}", server.address);
        return std::future::pending().await;
    }
    if !keyring_is_here() {
        return;
    }
    let store = TempDir::new().unwrap();
    let (mut server, address) = Server::begin("127.0.0.1:0".parse().unwrap(), store.path());
    let clinic = Clinic::elsewhere(address, store);
    let network = Network::to(address, 1).await.unwrap();
    let data = TempDir::new().unwrap();
    let mut settings = settings(&url(network.address()), data.path());
    settings.timeout = patience();
    let bench = Bench::eager(settings, &SetClock::default());
    bench.desk.start().await;
    bench.desk.sign_in(OKAFOR).await.unwrap();
    bench.until_ready().await;
    bench.until_online().await;
    let (okafor, _) = clinic.as_person(OKAFOR).await;
    let (marta, _) = clinic.as_person(MARTA).await;

    const RECORD: [&str; 2] = ["PUT /v1/consultations/", "POST /v1/consultations/"];
    for (what, request) in [
        ("accept", RECORD[0]),
        ("start", RECORD[0]),
        ("complete", RECORD[0]),
        ("decline", RECORD[1]),
        ("hand off", RECORD[1]),
        ("note", RECORD[1]),
        ("message", MESSAGE),
        ("receipt", "POST /v1/messages/"),
    ] {
        let id = clinic.request(Urgency::Routine, "a cough").await.id;
        bench.until_known(&id).await;
        let desk = &bench.desk;
        if !matches!(what, "accept" | "decline") {
            desk.accept(&id).await.unwrap();
        }
        if what == "complete" {
            desk.start_work(&id).await.unwrap();
            bench.until_status(&id, &ConsultationStatus::InProgress).await;
        }
        if what == "receipt" {
            clinic.marta_writes(&id, "physician-12", "Is it bad?").await;
            until("unread", async || desk.consultation(&id).await.unwrap().row.unread > 0).await;
        }
        let before = marta.consultation(&id).await.unwrap();
        network.take();
        network.plan(request, Fault::in_answer(0, What::Silence));
        let (asking, of, doing) = (desk.clone(), id.clone(), what);
        let asked = tokio::spawn(async move {
            let reason = "Off duty soon".to_owned();
            match doing {
                "accept" => asking.accept(&of).await,
                "start" => asking.start_work(&of).await,
                "complete" => asking.complete(&completing(&of)).await,
                "decline" => asking.decline(&DeclineConsultation { id: of, reason }).await,
                "hand off" => {
                    let specialty = Some(SpecialtyCode::PrimaryCare);
                    let hand_off = HandOffConsultation { id: of, physician_id: None, specialty, reason };
                    asking.hand_off(&hand_off).await
                }
                "note" => asking.add_note(&AddNote { id: of, text: "Called back".to_owned() }).await,
                "message" => asking.send(&SendMessage { consultation_id: of, text: "Rest".to_owned() }).await,
                _ => asking.conversation(ConversationRequest { id: of, limit: 100 }).await.map(drop),
            }
        });
        // Its first byte comes after the commit, and nobody hears it.
        until(what, async || network.traffic().faults > 0).await;
        drop(server);
        sleep(Duration::from_millis(50)).await;
        server = Server::begin(address, clinic.store()).0;
        network.heal();
        network.reset_all();
        asked.await.unwrap().unwrap_or_else(|error| panic!("{what}: {error:?}"));
        until(&format!("{what}: nothing waits"), async || {
            let state = desk.state().await;
            let settled = desk.consultation(&id).await.is_ok_and(|view| view.unsure.is_none());
            let gone = matches!(what, "decline" | "hand off");
            matches!(state.connection, Connection::Online { .. })
                && state.outbox_waiting + state.outbox_stuck == 0
                && (settled || gone)
        })
        .await;
        let after = marta.consultation(&id).await.unwrap();
        let steps = u64::from(!matches!(what, "message" | "receipt"));
        assert_eq!(after.version, before.version + steps, "{what}: {:?}", after.history);
        match what {
            "message" => {
                assert_eq!(words(&okafor, &id).await, ["Rest"]);
                assert_eq!(shown(&bench, &id).await, [("Rest".to_owned(), Delivery::Sent)]);
            }
            "receipt" => {
                until(what, async || marta.all_messages(&id).await.unwrap().rows[0].read_at().is_some())
                    .await;
            }
            "start" => bench.until_status(&id, &ConsultationStatus::InProgress).await,
            "complete" => bench.until_status(&id, &ConsultationStatus::Completed).await,
            _ => {}
        }
    }
}
