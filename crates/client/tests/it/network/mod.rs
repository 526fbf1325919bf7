//! Through a network that breaks at any byte: each effect happens once, and what is read is whole or is no answer.
//!
//! The routes are the server's own table, so that a new one fails here until somebody says how it is asked and what it
//! leaves behind.

mod route;
mod scene;
mod stream;

use std::{sync::Arc, time::Duration};

use chatehr_network::{Fault, Network, What};
use chatehr_server::routes;
use serde_json::Value;
use tokio::sync::Semaphore;

use self::{
    route::{ask, is_read, times},
    scene::{Asker, Failed, Ground, Scene},
};

/// Between two places where it breaks.
const STEP: usize = 64;
/// Nothing that is asked or answered here is longer.
const LONGEST: usize = 64 * 1024;
/// Routes under way at once.
const AT_ONCE: usize = 12;
/// How long a request may take: what falls silent takes as long.
const PATIENCE: Duration = Duration::from_secs(1);

/// After so many bytes, this.
type Breaking = fn(usize, What) -> Fault;

const SIDES: [(Breaking, &str); 2] = [(Fault::in_request, "request"), (Fault::in_answer, "answer")];

/// What takes long, or what networks seldom do: at some places. Noise in a request is the server's to refuse.
const SELDOM: [Fault; 9] = [
    Fault::in_request(0, What::Silence),
    Fault::in_request(192, What::Silence),
    Fault::in_answer(0, What::Silence),
    Fault::in_answer(128, What::Silence),
    Fault::in_answer(448, What::Silence),
    Fault::in_answer(4, What::Garbage(9)),
    Fault::in_answer(30, What::Garbage(9)),
    Fault::in_answer(192, What::Garbage(9)),
    Fault::in_answer(520, What::Garbage(9)),
];

/// How many places there were.
#[derive(Default)]
struct Places {
    request: usize,
    answer: usize,
    seldom: usize,
}

/// Lets one fault happen to this. Whether there was anything for it to happen to.
async fn breaks(
    scene: &Scene,
    network: &Network,
    by: &Asker,
    route: &str,
    fault: Fault,
    whole: Option<&Value>,
) -> bool {
    let on = scene.prepare(route).await;
    let first_line = route.replacen(' ', " /v1", 1);
    let first_line = first_line.split('{').next().unwrap();
    network.plan(first_line, fault);
    let why = format!("{route}, {fault:?}");
    match whole {
        Some(whole) => reads(by, route, &on, fault, whole, &why).await,
        None => does(scene, by, route, &on, fault, &why).await,
    }
    let happened = network.take().faults > 0;
    network.heal();
    happened
}

fn may_fail(failed: &Failed, fault: Fault, why: &str) {
    let noise = matches!(fault.what, What::Garbage(_));
    assert!(failed.is_transient || noise, "{why}: {failed:?}");
}

/// On a busy machine an answer may come too late without any fault.
async fn until_answered(by: &Asker, route: &str, on: &Ground, why: &str) -> Value {
    let mut failures = 0;
    loop {
        match ask(by, route, on).await {
            Ok(said) => return said,
            Err(failed) => {
                failures += 1;
                assert!(failures < 5, "{why}: {failed:?}");
            }
        }
    }
}

/// Asked once, it is whole or an error; asked again, it is whole.
async fn reads(by: &Asker, route: &str, on: &Ground, fault: Fault, whole: &Value, why: &str) {
    match ask(by, route, on).await {
        Ok(mut said) => {
            let mut whole = whole.clone();
            // Noise may have spoilt the header that tells it, and nothing is concluded from its absence.
            if matches!(fault.what, What::Garbage(_)) && said.get("total") == Some(&Value::Null) {
                whole["total"] = said["total"].take();
            }
            assert_eq!(said, whole, "{why}: taken for a whole answer");
        }
        Err(failed) => may_fail(&failed, fault, why),
    }
    let again = until_answered(by, route, on, why).await;
    assert_eq!(again, *whole, "{why}: asked again");
}

/// Repeated under the same key until it is answered, it has happened once, and once more it is the same.
async fn does(scene: &Scene, by: &Asker, route: &str, on: &Ground, fault: Fault, why: &str) {
    let mut failures = 0;
    let said = loop {
        match ask(by, route, on).await {
            Ok(said) => break said,
            Err(failed) => {
                failures += 1;
                // Its answer holds a secret, which nobody keeps to say it twice: the code is used up, and staff give
                // another.
                if route == "POST /kiosk-sessions" && failed.status.is_some() && failures > 1 {
                    break Value::Null;
                }
                may_fail(&failed, fault, why);
                assert!(failures < 5, "{why}: {failed:?}");
            }
        }
    };
    assert_eq!(times(scene, route, on, &said).await, 1, "{why}");
    // A secret is not said twice, and how far somebody has read is told with the moment.
    let anew = ["POST /kiosk-codes", "POST /kiosk-sessions", "POST /test/sign-in"].contains(&route);
    if anew || route.ends_with("/read") {
        return;
    }
    assert_eq!(until_answered(by, route, on, why).await, said, "{why}: said once more");
    assert_eq!(times(scene, route, on, &said).await, 1, "{why}: said once more");
}

/// One route leads to three places.
fn steps(route: String) -> Vec<String> {
    if route == "PUT /consultations/{id}" {
        ["accept", "begin", "finish"].map(|step| format!("{route} to {step}")).into()
    } else {
        vec![route]
    }
}

async fn everywhere(scene: &Scene, route: &str) -> Places {
    let network = Network::to(scene.address, 1).await.unwrap();
    let by = scene.asker(route::who(route), network.address());
    let whole = if is_read(route) {
        let on = scene.prepare(route).await;
        let direct = &scene.people[&route::who(route)];
        // What is read for the first time may say afterwards that it has been read.
        ask(direct, route, &on).await.unwrap();
        Some(ask(direct, route, &on).await.unwrap())
    } else {
        None
    };
    let mut places = Places::default();
    for what in [What::Cut, What::Reset] {
        for (side, name) in SIDES {
            let mut count = 0;
            for after in (0..LONGEST).step_by(STEP) {
                if !breaks(scene, &network, &by, route, side(after, what), whole.as_ref()).await {
                    break;
                }
                count += 1;
            }
            assert!(count >= 2, "{route}: {count} places in the {name}");
            *(if name == "request" { &mut places.request } else { &mut places.answer }) += count;
        }
    }
    for fault in SELDOM {
        // What noise does to a sealed file, its seal tells.
        if route == "GET /attachments/{id}" && matches!(fault.what, What::Garbage(_)) {
            continue;
        }
        places.seldom += usize::from(breaks(scene, &network, &by, route, fault, whole.as_ref()).await);
    }
    assert!(places.seldom >= 4, "{route}: {}", places.seldom);
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_route_an_effect_happens_once_and_an_answer_is_whole_wherever_the_connection_breaks() {
    // What is read must not change meanwhile, so it is read elsewhere.
    let (reading, doing) = tokio::join!(Scene::open(), Scene::open());
    let (reading, doing) = (Arc::new(reading), Arc::new(doing));
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    let mut all: Vec<_> = routes()
        .filter_map(|place| Some(format!("{} {}", place.method, place.bare?)))
        .flat_map(steps)
        .collect();
    // What takes longest begins first.
    all.sort_by_key(|route| route != "GET /events");
    for route in all {
        let scene = if is_read(&route) { reading.clone() } else { doing.clone() };
        let turns = turns.clone();
        let under_way = route.clone();
        running.push((
            route,
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                if under_way == "GET /events" {
                    stream::everywhere().await
                } else {
                    everywhere(&scene, &under_way).await
                }
            }),
        ));
    }
    let mut all = 0;
    for (route, places) in running {
        let Places { request, answer, seldom } =
            places.await.unwrap_or_else(|error| panic!("{route}: {error}"));
        println!(
            "{route}: {request} places in the request, {answer} in the answer, {seldom} of silence and noise"
        );
        all += request + answer + seldom;
    }
    println!("{all} places");
}
