//! The server side of ChatEHR: a gateway, a clinic's own ChatEHR, and the mock that tests and demonstrations run against,
//! over one set of rules.
//!
//! Promises: who asks is decided by the bearer token alone; what may not be seen answers like what does not exist;
//! a change happens whole and once, or not at all, and is written down with who made it; message content rests sealed.
//! Refuses: starting without its secrets, doing what cannot be written down, and content that claims to be sealed and
//! is not.
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

mod address;
mod appointment;
mod authenticate;
mod demo;
mod embedded;
mod escalation;
mod events;
mod faults;
mod housekeeping;
mod identity;
mod issuer;
mod life_cycle;
mod listen;
mod live;
mod metrics;
mod op;
mod policy;
mod problem;
mod provider;
mod rate;
mod sealing;
mod seed;
mod serve;
pub mod settings;
mod sources;
mod store;
mod surface;
mod trail;
mod upstream;
mod visibility;

pub use authenticate::Machine;
pub use chatehr_contract::Policy;
pub use escalation::EscalationPolicy;
pub use faults::{Faults, Settings as FaultSettings};
pub use listen::Limits;
pub use rate::{ClassRates, Rate, RateSettings};
pub use seed::Seed;
pub use serve::{Config, MIN_ROOT_SECRET_BYTES, Mode, Running, StartError, start};
pub use sources::Sources;
pub use surface::route::{Place, routes};
