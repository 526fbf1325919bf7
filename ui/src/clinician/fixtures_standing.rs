//! How things stand with the server, rehearsed: `?state=` reconnecting, offline, unfit, signed-out, signin-error, clock, first-load.

use chatehr_contract::{
    ClockStanding, Connection, ErrorCode, ErrorReport, Figures, Lapse, LatencyFigures, Loading, LoadingPart,
    ServerVersion, SupportPreview, Timestamp, TrafficFigures,
};

pub(super) fn connection(scene: &str, now: Timestamp) -> Connection {
    let (ago, code, lapse) = match scene {
        "reconnecting" => (4, ErrorCode::ServerUnreachable, Lapse::Reconnecting),
        "offline" | "signin-error" => (95, ErrorCode::ServerUnreachable, Lapse::Offline),
        "unfit" => (340, ErrorCode::NotChatEhr, Lapse::Unfit),
        "signin" | "signed-out" => return Connection::SignedOut { since: now.plus_seconds(-700) },
        _ => return Connection::Online { since: now.plus_seconds(-400) },
    };
    let retry_at = Some(now.plus_seconds(9));
    Connection::Offline { since: now.plus_seconds(-ago), retry_at, error: ErrorReport::new(code), lapse }
}

pub(super) fn clock(scene: &str) -> ClockStanding {
    if scene != "clock" {
        return ClockStanding::default();
    }
    let off = ErrorReport::new(ErrorCode::ClockOff).with_detail("10 min slow");
    ClockStanding { server_ahead_millis: 600_000, off: Some(off) }
}

pub(super) fn figures(now: Timestamp) -> Figures {
    let today = TrafficFigures { requests: 412, sent: 98_400, received: 1_320_570 };
    Figures {
        synced_at: Some(now.plus_seconds(-7)),
        outbox_waiting: 2,
        outbox_stuck: 0,
        waiting_since: Some(now.plus_seconds(-95)),
        latency: Some(LatencyFigures { median: 24, worst: 410, of: 100 }),
        started_at: Some(now.plus_seconds(-120_000)),
        since_start: TrafficFigures { requests: 2_310, sent: 512_000, received: 8_204_000 },
        today_from: Some(now.plus_seconds(-30_000)),
        today,
        files: 18_420_000,
        version: "0.1.0".to_owned(),
        server: Some(ServerVersion { service: "ChatEHR (embedded)".to_owned(), version: "0.1.0".to_owned() }),
    }
}

pub(super) fn bundle() -> SupportPreview {
    let log = "2026-11-26T00:12:05.000Z WARN  chatehr_engine::report: A request to ChatEHR failed. error the server took too long to answer\n";
    let text = format!(
        "ChatEHR Desktop support bundle, made 2026-11-26T00:15:30.000Z\nIt holds no patient’s data, no name, no message and no key.\n\n\
         == Versions ==\nprogram  0.1.0\nserver   ChatEHR (embedded) 0.1.0\nsystem   linux x86_64, web view 2.50.1\n\n\
         == How things stand ==\nstage          ready\nconnection     online since 2026-11-26T00:08:11.000Z\nclock          as the server’s\n\n\
         == Log, the last lines ==\n{}",
        log.repeat(30)
    );
    SupportPreview { text, file: "/home/okafor/chatehr-support-20261126-001530.txt".to_owned() }
}

pub(super) fn loading(scene: &str) -> Option<Loading> {
    (scene == "first-load").then_some(Loading { part: LoadingPart::Consultations, done: 41_200, of: 100_000 })
}
