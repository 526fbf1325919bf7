//! Events through a stream that breaks at any byte: each once, in order, and none in half.

use std::{net::SocketAddr, time::Duration};

use chatehr_client::{Client, Config, EventStream, StreamItem};
use chatehr_contract::{EventKind, ServerEvent, Urgency};
use chatehr_network::{Network, What};

use super::{
    super::{
        KEY,
        clinic::{Clinic, MARTA, OKAFOR, asked},
    },
    LONGEST, Places, SIDES, STEP,
};

/// Shorter than the server's sign of life: what falls silent is noticed, and so is a server that has nothing to say.
const IDLE: Duration = Duration::from_secs(1);

async fn listen(at: SocketAddr, idle: Option<Duration>) -> EventStream {
    let mut config = Config::new(format!("http://{at}/v1"));
    config.api_key = Some(KEY.to_owned());
    config.idle_timeout = idle.unwrap_or(config.idle_timeout);
    let client = Client::new(config).unwrap();
    let session = client.sign_in(OKAFOR).await.unwrap();
    let mut events = client.with_session(&session.token).events(None);
    while !matches!(events.next().await, StreamItem::Connected) {
        events.retry_now();
    }
    events
}

/// Takes in events until this holds; does not wait between attempts.
async fn hear(events: &mut EventStream, heard: &mut Vec<ServerEvent>, last: impl Fn(&ServerEvent) -> bool) {
    let hearing = async {
        while !heard.last().is_some_and(&last) {
            match events.next().await {
                StreamItem::Event(event) => heard.push(event),
                StreamItem::Connected => {}
                StreamItem::Disconnected { error, .. } => {
                    assert!(error.is_transient(), "{error:?}");
                    events.retry_now();
                }
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), hearing).await.expect("the event does not come");
}

/// Between two attempts somebody asks for something twice; whoever listens at the server's side tells what there was.
pub(super) async fn everywhere() -> Places {
    let clinic = Clinic::open().await;
    let address = clinic.running.address;
    let marta = clinic.sign_in(MARTA).await;
    let mut places = Places::default();
    let mut cases = 0;
    for what in [What::Cut, What::Reset, What::Silence] {
        let silent = what == What::Silence;
        let network = Network::to(address, 1).await.unwrap();
        let mut there = listen(address, None).await;
        let mut here = listen(network.address(), silent.then_some(IDLE)).await;
        let (mut happened, mut heard) = (Vec::new(), Vec::new());
        for (side, name) in SIDES {
            // Silence takes as long as it is waited for.
            let step = if silent { STEP * 6 } else { STEP };
            // The first is the place from which on there is something to replay.
            let mut after = None;
            loop {
                network.take();
                if let Some(after) = after {
                    network.plan("GET /v1/events", side(after, what));
                    network.cut_all();
                }
                let mut last = None;
                for _ in 0..2 {
                    cases += 1;
                    last = Some(asked(&marta, Urgency::Routine, &format!("event-{cases}")).await.id);
                }
                let is_last = |event: &ServerEvent| matches!(&event.kind, EventKind::ConsultationChanged { consultation_id, .. } if Some(consultation_id) == last.as_ref());
                hear(&mut there, &mut happened, is_last).await;
                let end = happened.last().cloned();
                hear(&mut here, &mut heard, |event| Some(event) == end.as_ref()).await;
                assert_eq!(heard, happened, "{what:?} in the {name} after {after:?}");
                let broke = network.take().faults > 0;
                network.heal();
                if after.is_some_and(|after| !broke || after > LONGEST) {
                    break;
                }
                if after.is_some() {
                    *(if silent {
                        &mut places.seldom
                    } else if name == "request" {
                        &mut places.request
                    } else {
                        &mut places.answer
                    }) += 1;
                }
                after = Some(after.map_or(0, |after| after + step));
            }
        }
    }
    places
}
