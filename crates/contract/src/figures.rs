//! How the connection has been, in figures, and what is handed to who helps. Nothing of a patient is in either.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How the connection has been, and what the program keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// When everything was last in step with the server.
    pub synced_at: Option<Timestamp>,
    /// Messages that the server has not confirmed.
    pub outbox_waiting: u32,
    /// Messages that need a person's decision.
    pub outbox_stuck: u32,
    /// When the one that has waited longest was written.
    pub waiting_since: Option<Timestamp>,
    /// How long the server takes to answer; none before it has answered.
    pub latency: Option<LatencyFigures>,
    /// When the program was started.
    pub started_at: Option<Timestamp>,
    /// Since then.
    pub since_start: TrafficFigures,
    /// From when on today counts: midnight, or the start of the program.
    pub today_from: Option<Timestamp>,
    /// Since then.
    pub today: TrafficFigures,
    /// Bytes that this person's files take on the disk.
    pub files: u64,
    /// Of this program.
    pub version: String,
    /// What the server calls itself, and its version; none before it has answered.
    pub server: Option<ServerVersion>,
}

/// Between a question and the beginning of its answer, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyFigures {
    /// Half of the answers were faster.
    pub median: u32,
    /// The slowest.
    pub worst: u32,
    /// Of so many answers: the last hundred at most.
    pub of: u32,
}

/// What has gone over the wire, without what TLS and TCP add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficFigures {
    /// Requests.
    pub requests: u64,
    /// Bytes.
    pub sent: u64,
    /// Bytes.
    pub received: u64,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    /// Its name.
    pub service: String,
    /// Its version.
    pub version: String,
}

/// What a support bundle would hold, to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupportPreview {
    /// All of it.
    pub text: String,
    /// Where it would go.
    pub file: String,
}

/// Save the bundle that was shown last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveSupportBundle {
    /// A new file.
    pub file: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClockStanding, Connection, ErrorCode, ErrorReport, Lapse, Loading, LoadingPart};

    #[test]
    fn what_the_window_is_told_of_the_connection_is_a_promise() {
        let at = Timestamp::from_millis(1_795_426_920_000);
        let traffic = TrafficFigures { requests: 82, sent: 18_469, received: 130_048 };
        let figures = Figures {
            synced_at: Some(at),
            outbox_waiting: 2,
            outbox_stuck: 1,
            waiting_since: Some(at),
            latency: Some(LatencyFigures { median: 12, worst: 340, of: 100 }),
            started_at: Some(at),
            since_start: traffic,
            today_from: Some(at),
            today: traffic,
            files: 1_713_337,
            version: "0.1.0".to_owned(),
            server: Some(ServerVersion { service: "ChatEHR".to_owned(), version: "1.0.0".to_owned() }),
        };
        let lost = Connection::Offline {
            since: at,
            retry_at: Some(at),
            error: ErrorReport::new(ErrorCode::NotChatEhr),
            lapse: Lapse::Unfit,
        };
        let off = ErrorReport::new(ErrorCode::ClockOff).with_detail("10 min slow");
        let clock = ClockStanding { server_ahead_millis: 600_000, off: Some(off) };
        let loading = Loading { part: LoadingPart::Consultations, done: 100, of: 1_000 };
        insta::assert_json_snapshot!((figures, lost, Connection::SignedOut { since: at }, clock, loading));
        let before: Connection = serde_json::from_str(
            r#"{"kind": "offline", "since": "2026-11-23T09:42:00.000Z", "retryAt": null,
                "error": {"code": "SERVER_UNREACHABLE", "retryable": true}}"#,
        )
        .unwrap();
        assert!(matches!(before, Connection::Offline { lapse: Lapse::Offline, .. }), "{before:?}");
    }
}
