//! When a person must be told at once, in which words, and until when.
//!
//! `claim` reads from a consultation whether it waits for this person, `words` says it, `watch` decides when. None of them
//! has a clock, a desktop or a window: what time it is and what the desktop did is told to them, and what is to be done
//! comes out.

mod claim;
mod watch;
mod words;

pub(crate) use claim::{claim, has_been_answered_by_reading, may_acknowledge, wants_answer_from};
pub use watch::{Claim, Effect, Moment, Notification, Occasion, Watch};
pub use words::Alert;
pub(crate) use words::initials;
