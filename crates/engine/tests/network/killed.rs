//! A program that is killed at any step of the outbox: with the next one, all that it had acknowledged is at the server,
//! once and in order, and what it was doing when it died was done once or not at all.
//!
//! The desk runs in a program of its own, with real files, which does what it is told over its standard input and says
//! when it has; its parent has the network and the server, and kills it (SIGKILL).

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use chatehr_client::SignedIn;
use chatehr_contract::*;
use chatehr_network::{Fault, Link, Network, What};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    MESSAGE,
    support::*,
    world::{patience, words},
};

/// Set in the program that has the desk: the server's address.
const URL: &str = "CHATEHR_TEST_KILLED_URL";
const DATA: &str = "CHATEHR_TEST_KILLED_DATA";
const TEST: &str = "killed::a_program_that_is_killed_at_any_step_leaves_each_effect_to_happen_once";
/// Kills at moments that nobody chose; `CHATEHR_KILLS` asks for more.
const KILLS: u64 = 16;

/// The program with the desk, and what it answers.
struct Life {
    child: Child,
    to: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Life {
    fn begin(url: &str, data: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(URL, url)
            .env(DATA, data)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut life = Self { child, to, said: BufReader::new(from).lines() };
        assert_eq!(life.answer(), "up");
        life
    }

    fn answer(&mut self) -> String {
        let heard = self.said.by_ref().map(Result::unwrap).find_map(|line| {
            assert!(!line.contains("FAILED"), "the program itself failed");
            line.strip_prefix("answer ").map(ToOwned::to_owned)
        });
        heard.expect("it speaks until it is killed")
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.to, "{what}").unwrap();
    }

    fn asks(&mut self, what: &str) -> String {
        self.tell(what);
        self.answer()
    }

    fn does(&mut self, what: &str) {
        assert_eq!(self.asks(what), "done", "{what}");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does what its parent says.
async fn work(url: &str, data: &Path) {
    let mut settings = settings(url, data);
    settings.timeout = patience();
    let bench = Bench::eager(settings, &SetClock::default());
    bench.desk.start().await;
    println!("\nanswer up");
    for line in std::io::stdin().lines().map(Result::unwrap) {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let id = ConsultationId::new(words.get(1).copied().unwrap_or_default());
        let text = words.get(2).copied().unwrap_or_default().to_owned();
        let told = match words[0] {
            "sign-in" => bench.desk.sign_in(OKAFOR).await,
            "online" => {
                bench.until_ready().await;
                bench.until_online().await;
                bench.until_known(&id).await;
                Ok(())
            }
            "write" => bench.desk.send(&SendMessage { consultation_id: id, text }).await,
            "edit" | "back" => {
                let request = ConversationRequest { id, limit: 100 };
                let messages = bench.desk.conversation(request).await.unwrap().messages;
                match messages.into_iter().rev().find(|message| message.changeable) {
                    Some(MessageView { envelope_id: Some(envelope_id), .. }) if words[0] == "edit" => {
                        bench.desk.edit_message(&EditMessage { envelope_id, text }).await
                    }
                    Some(MessageView { envelope_id: Some(envelope_id), .. }) => {
                        bench.desk.discard_message(&envelope_id).await
                    }
                    _ => Err(ErrorReport::new(ErrorCode::NotWaiting)),
                }
            }
            "start" => bench.desk.start_work(&id).await,
            "complete" => bench.desk.complete(&CompleteConsultation { id, note: Some(text) }).await,
            "accept" => bench.desk.accept(&id).await,
            "in-doubt" => {
                bench.until_ready().await;
                let unsure = bench.desk.consultation(&id).await.unwrap().unsure;
                unsure.map(drop).ok_or_else(|| ErrorReport::new(ErrorCode::NotWaiting))
            }
            "find-out" => {
                let began = Instant::now();
                while bench.desk.consultation(&id).await.unwrap().unsure.is_some() {
                    assert!(began.elapsed() < Duration::from_secs(30), "it is not found out");
                    sleep(Duration::from_millis(20)).await;
                }
                Ok(())
            }
            "draft" => {
                bench.desk.save_draft(SaveDraft { consultation_id: id, of: DraftOf::Message, text }).await
            }
            "drafted" => {
                println!("answer {}", bench.desk.consultation(&id).await.unwrap().draft);
                continue;
            }
            "heard" => {
                // Without reading it.
                while bench.desk.consultation(&id).await.unwrap().row.unread == 0 {
                    sleep(Duration::from_millis(20)).await;
                }
                Ok(())
            }
            "read" => {
                let request = ConversationRequest { id, limit: 100 };
                bench.desk.conversation(request).await.map(drop)
            }
            // The words of the message that waits last, as they are being changed.
            "change" | "changing" => {
                let request = ConversationRequest { id, limit: 100 };
                let last = bench.desk.conversation(request).await.unwrap().messages.pop().unwrap();
                if words[0] == "changing" {
                    println!("answer {}", last.edit.unwrap_or_default());
                    continue;
                }
                let envelope_id = last.envelope_id.unwrap();
                bench.desk.keep_edit(KeepEdit { envelope_id, text: Some(text) }).await
            }
            "settle" => {
                bench.until("nothing waits", |state| state.outbox_waiting + state.outbox_stuck == 0).await;
                Ok(())
            }
            other => panic!("{other}"),
        };
        println!("answer {}", told.map_or_else(|error| error.code.as_str(), |()| "done"));
    }
}

/// What may stand at one place of a conversation; nothing where it may not have been taken, or was taken back.
type Place = Vec<Option<String>>;

/// A workstation whose program dies again and again.
struct Station {
    clinic: Clinic,
    network: Network,
    data: TempDir,
    okafor: SignedIn,
    id: ConsultationId,
    places: Vec<Place>,
    kills: u32,
}

impl Station {
    async fn open() -> Self {
        let clinic = Clinic::patient().await;
        let network = Network::to(clinic.address, 1).await.unwrap();
        let data = TempDir::new().unwrap();
        let (okafor, _) = clinic.as_person(OKAFOR).await;
        let mut life = Life::begin(&url(network.address()), data.path());
        life.does("sign-in");
        let mut station = Self {
            clinic,
            network,
            data,
            okafor,
            id: ConsultationId::new("-"),
            places: Vec::new(),
            kills: 0,
        };
        station.another().await;
        station
    }

    /// Goes on with another consultation.
    async fn another(&mut self) {
        let id = self.clinic.request(Urgency::Routine, "a cough").await.id;
        let accept =
            ConsultationUpdate { status: ConsultationStatus::Assigned, physician_id: None, notes: None };
        self.okafor.update_consultation(&id, &accept, id.as_str()).await.unwrap();
        (self.id, self.places) = (id, Vec::new());
    }

    fn life(&self) -> Life {
        let mut life = Life::begin(&url(self.network.address()), self.data.path());
        life.does(&format!("online {}", self.id));
        life
    }

    fn kill(&mut self, life: Life) {
        drop(life);
        self.kills += 1;
    }

    fn write(&mut self, life: &mut Life, text: &str) {
        life.does(&format!("write {} {text}", self.id));
        self.places.push(vec![Some(text.to_owned())]);
    }

    /// Changes or takes back what was written last; too late is an answer as well.
    fn decide(&mut self, life: &mut Life, what: &str, text: &str) {
        let told = life.asks(&format!("{what} {} {text}", self.id));
        let last = self.places.last_mut().unwrap();
        match told.as_str() {
            "done" if what == "edit" => *last = vec![Some(text.to_owned())],
            "done" => *last = vec![None],
            "ON_ITS_WAY" | "MAY_HAVE_ARRIVED" | "NOT_WAITING" => {}
            other => panic!("{what}: {other}"),
        }
    }

    async fn until_broken(&self) {
        let began = Instant::now();
        while self.network.traffic().faults == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "nothing broke");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// The next program sends what is left; then everything is at the server as it was promised.
    async fn comes_right(&mut self, why: &str) {
        self.network.heal();
        self.network.take();
        let mut life = self.life();
        life.does("settle -");
        let there = words(&self.okafor, &self.id).await;
        let mut left = there.iter();
        let mut next = left.next();
        for place in &mut self.places {
            let may = |word: Option<&String>| word.is_some() && place.iter().any(|one| one.as_ref() == word);
            if may(next) {
                *place = vec![next.cloned()];
                next = left.next();
            } else {
                assert!(place.contains(&None), "{why}: {place:?} is not at its place in {there:?}");
                *place = vec![None];
            }
        }
        assert_eq!(next, None, "{why}: twice, or never written: {there:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_program_that_is_killed_at_any_step_leaves_each_effect_to_happen_once() {
    if let Ok(url) = std::env::var(URL) {
        return work(&url, Path::new(&std::env::var(DATA).unwrap())).await;
    }
    if !keyring_is_here() {
        return;
    }
    let mut station = Station::open().await;
    messages(&mut station).await;
    steps(&mut station).await;
    decisions(&mut station).await;
    drafts(&mut station).await;
    changes(&mut station).await;
    receipts(&mut station).await;
    any_moment(&mut station).await;
    println!("killed {} times", station.kills);
}

/// Each step of sending, and a decision about the message behind it.
async fn messages(station: &mut Station) {
    let faults = [
        ("not begun", None),
        ("begun", Some(Fault::in_request(0, What::Silence))),
        ("half sent", Some(Fault::in_request(300, What::Silence))),
        ("there", Some(Fault::in_answer(0, What::Silence))),
        ("answered by half", Some(Fault::in_answer(400, What::Silence))),
        ("failed", Some(Fault::in_request(10, What::Cut))),
    ];
    for (step, fault) in faults {
        for decision in ["none", "edit", "back"] {
            let mut life = station.life();
            station.network.take();
            match fault {
                Some(fault) => station.network.plan(MESSAGE, fault),
                None => station.network.set_link(Link::Refusing),
            }
            station.write(&mut life, &format!("{step} {decision}"));
            if fault.is_some() {
                station.until_broken().await;
            }
            station.write(&mut life, &format!("behind {step} {decision}"));
            if decision != "none" {
                station.decide(&mut life, decision, &format!("changed {step}"));
            }
            station.kill(life);
            station.comes_right(&format!("{step}, {decision}")).await;
        }
    }
}

async fn steps(station: &mut Station) {
    const STEP: &str = "PUT /v1/consultations/";
    for (step, fault) in [
        ("not begun", None),
        ("begun", Some(Fault::in_request(0, What::Silence))),
        ("there", Some(Fault::in_answer(0, What::Silence))),
        ("answered by half", Some(Fault::in_answer(400, What::Silence))),
    ] {
        station.another().await;
        let before = station.okafor.consultation(&station.id).await.unwrap().version;
        for what in ["start", "complete"] {
            let mut life = station.life();
            station.network.take();
            match fault {
                Some(fault) => station.network.plan(STEP, fault),
                None => station.network.set_link(Link::Refusing),
            }
            life.does(&format!("{what} {} Seen again on Friday.", station.id));
            if fault.is_some() {
                station.until_broken().await;
            }
            station.kill(life);
            station.comes_right(&format!("{what} {step}")).await;
        }
        let record = station.okafor.consultation(&station.id).await.unwrap();
        assert_eq!(record.version, before + 2, "{step}: {:?}", record.history);
        assert_eq!(record.status, ConsultationStatus::Completed, "{step}");
        assert_eq!(record.notes().count(), 1, "{step}");
    }
}

/// What was asked when the program died may have happened, by the next one's word, until that finds out.
async fn decisions(station: &mut Station) {
    const ACCEPT: &str = "PUT /v1/consultations/";
    for (step, fault, done) in [
        ("asked", Fault::in_request(100, What::Silence), false),
        ("there", Fault::in_answer(0, What::Silence), true),
    ] {
        station.id = station.clinic.request(Urgency::Routine, "a cough").await.id;
        let mut life = station.life();
        station.network.take();
        station.network.plan(ACCEPT, fault);
        life.tell(&format!("accept {}", station.id));
        station.until_broken().await;
        station.network.set_link(Link::Refusing);
        station.kill(life);
        let mut life = Life::begin(&url(station.network.address()), station.data.path());
        life.does(&format!("in-doubt {}", station.id));
        station.network.heal();
        life.does(&format!("find-out {}", station.id));
        station.kill(life);
        let record = station.okafor.consultation(&station.id).await.unwrap();
        assert_eq!(record.status == ConsultationStatus::Assigned, done, "{step}");
    }
}

/// What is being typed is there as it was kept last; killed while it is being kept, it is the one or the other.
async fn drafts(station: &mut Station) {
    station.another().await;
    let mut kept = vec![String::new()];
    for round in 0..8u64 {
        let mut life = station.life();
        let found = life.asks(&format!("drafted {}", station.id));
        assert!(kept.contains(&found), "{found:?} is none of {kept:?}");
        let sure = format!("half a sentence, {round}");
        life.does(&format!("draft {} {sure}", station.id));
        kept = vec![sure];
        if round % 2 == 1 {
            let more = format!("half a sentence and {}", "more ".repeat(400));
            life.tell(&format!("draft {} {more}", station.id));
            kept.push(more);
            sleep(Duration::from_micros(round * 400)).await;
        }
        station.kill(life);
    }
}

/// A message whose words are being changed is not sent by the next program either, and the words are there.
async fn changes(station: &mut Station) {
    station.another().await;
    for round in 0..3 {
        let mut life = station.life();
        station.network.set_link(Link::Refusing);
        station.write(&mut life, &format!("first words {round}"));
        life.does(&format!("change {} second words {round}", station.id));
        station.kill(life);
        station.network.heal();
        let mut life = station.life();
        assert_eq!(life.asks(&format!("changing {}", station.id)), format!("second words {round}"));
        sleep(Duration::from_millis(300)).await;
        let there = words(&station.okafor, &station.id).await;
        assert_eq!(there.len(), round, "it waits for the person: {there:?}");
        // Killed once more while that ends, it waits for its words again or has them.
        let last = station.places.last_mut().unwrap();
        *last = vec![Some(format!("second words {round}"))];
        if round == 2 {
            life.tell(&format!("edit {} second words {round}", station.id));
            sleep(Duration::from_millis(3)).await;
        } else {
            station.decide(&mut life, "edit", &format!("second words {round}"));
        }
        station.kill(life);
        if round == 2 {
            // The person finishes it where it is left.
            let mut life = station.life();
            drop(life.asks(&format!("edit {} second words {round}", station.id)));
        }
        station.comes_right(&format!("changing, {round}")).await;
    }
}

/// That something was read is said by the next program, and not over and over.
async fn receipts(station: &mut Station) {
    const RECEIPT: &str = "POST /v1/messages/";
    for (step, fault) in [
        ("not begun", None),
        ("begun", Some(Fault::in_request(0, What::Silence))),
        ("half sent", Some(Fault::in_request(200, What::Silence))),
        ("there", Some(Fault::in_answer(0, What::Silence))),
        ("answered by half", Some(Fault::in_answer(200, What::Silence))),
    ] {
        station.another().await;
        let mut life = station.life();
        station.clinic.marta_writes(&station.id, "physician-12", "Is it bad?").await;
        life.does(&format!("heard {}", station.id));
        station.network.take();
        match fault {
            Some(fault) => station.network.plan(RECEIPT, fault),
            None => station.network.set_link(Link::Refusing),
        }
        life.does(&format!("read {}", station.id));
        if fault.is_some() {
            station.until_broken().await;
        }
        station.kill(life);
        let (marta, _) = station.clinic.as_person(MARTA).await;
        let first = marta.all_messages(&station.id).await.unwrap().rows[0].read_at();
        let reached = matches!(fault, Some(fault) if fault.side == chatehr_network::Side::Answer);
        assert_eq!(first.is_some(), reached, "{step}");
        station.network.heal();
        let life = station.life();
        let began = Instant::now();
        let read_at = loop {
            let read_at = marta.all_messages(&station.id).await.unwrap().rows[0].read_at();
            if read_at.is_some() {
                break read_at;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{step}: it is never said");
            sleep(Duration::from_millis(20)).await;
        };
        assert!(first.is_none() || first == read_at, "{step}: read once, at one time");
        sleep(Duration::from_millis(300)).await;
        station.kill(life);
        station.network.take();
        let life = station.life();
        sleep(Duration::from_millis(300)).await;
        let asked = station.network.take().requests;
        assert!(!asked.iter().any(|line| line.starts_with(RECEIPT)), "{step}: it is owed no more: {asked:?}");
        station.kill(life);
    }
}

/// Between any two instructions; also before it has said that it was done.
async fn any_moment(station: &mut Station) {
    station.another().await;
    let kills = std::env::var("CHATEHR_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    for round in 0..kills {
        if station.places.len() > 80 {
            station.another().await;
        }
        let mut life = station.life();
        let text = format!("word {round}");
        match round % 4 {
            3 => {
                life.tell(&format!("write {} {text}", station.id));
                station.places.push(vec![Some(text), None]);
            }
            2 => {
                station.write(&mut life, &text);
                let changed = format!("changed {round}");
                life.tell(&format!("edit {} {changed}", station.id));
                *station.places.last_mut().unwrap() = vec![Some(text), Some(changed)];
            }
            _ => station.write(&mut life, &text),
        }
        // Spread over what an attempt takes from beginning to end.
        sleep(Duration::from_micros((round * 2_617) % 40_000)).await;
        station.kill(life);
        station.comes_right(&format!("at any moment, {round}")).await;
    }
}
