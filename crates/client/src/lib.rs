//! ChatEHR's `/v1` over HTTP and server-sent events.
//!
//! Promises: nobody but a server that calls itself ChatEHR ever receives a key, a token or a patient's words; every
//! answer is bounded in size and time; one bad record never hides the good ones; an event stream that heals itself; a server
//! that fails is given time.
//! Refuses: to follow redirects, to speak plain HTTP beyond this machine, to retry a request by itself (the outbox
//! decides that), and to put a URL, a token or a server's text into an error.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

mod allowance;
mod backoff;
mod bearer;
mod breaker;
mod care;
mod changes;
mod client;
mod config;
mod error;
mod events;
mod exchange;
mod fetched;
mod gauges;
mod glass;
mod page;
mod policy;
mod refusal;
mod signed_in;
mod skew;
mod sse;

pub use allowance::LONGEST_ASKED;
pub use bearer::{NoToken, Tokens};
pub use changes::{ChangePage, ChangesError, MAX_CHANGES};
pub use client::{Client, Health};
pub use config::{Config, ConfigError};
pub use error::{BadAnswer, ClientError, ConflictState, ConnectionFault};
pub use events::{EventStream, StreamItem};
pub use fetched::{Fetched, ListTag};
pub use gauges::{Gauges, Latency, Traffic};
pub use page::{ConsultationQuery, Page};
pub use policy::{AnchorError, NotAKey, PolicyError, ServerKey, VerifiedPolicy, verify_policy};
pub use signed_in::{MessageKeyMaterial, SignedIn, WhoAmI};
pub use skew::{Clock, Skew};
