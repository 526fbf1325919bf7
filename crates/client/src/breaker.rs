//! When to stop asking a server that fails, and when to ask it again.
//!
//! Promises: after [`FAILURES`] failures in a row, or fewer that together took longer than the budget, nothing ordinary
//! is sent for a while that grows with each failed trial, is jittered in full and bounded ([`Backoff`]), and is never
//! shorter than what the server asked for. Then one request goes first and the others wait for what becomes of it.
//! Why: a hundred workstations that each hang in a queue of time-outs keep a server down, and a person who waits half
//! a minute for what cannot come is worse off than one who is told at once.
//! Refuses: to hold back a question whether the server is there, or a person who asks for it.
//!
//! The state is pure: the caller says what time it is, and the seed decides the jitter.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// Failures in a row after which nothing is sent for a while.
pub(crate) const FAILURES: u32 = 5;

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Anything.
    Ordinary,
    /// What a person has just asked for. To the breaker it is as ordinary as the rest.
    Person,
    /// Whether the server is there, asked by something that spaces its own attempts, or by a person.
    Probe,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The server answered, even if it said no.
    Answered,
    /// It did not, or with a fault of its own.
    Failed {
        /// How long that took.
        took: Duration,
        /// How long it asks to wait.
        asked: Option<Duration>,
    },
    /// Nobody waited for it.
    Abandoned,
}

/// What was let through. Every one is settled once.
#[derive(Debug)]
pub(crate) struct Pass {
    /// The stretch of the breaker's life that it belongs to: what went out before it opened says nothing of after.
    stretch: u64,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// One of many, while all is well.
    Counted,
    /// The one that decides after a wait.
    Trial,
    /// Went out although nothing ordinary may: it holds nobody up and makes no wait longer, but an answer is an answer.
    Probe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One is under way, and decides.
    Trying,
}

/// Counts what fails, for one server.
pub(crate) struct Breaker {
    state: State,
    failures: u32,
    /// What the failures in a row took together.
    lost: Duration,
    /// What they may take.
    budget: Duration,
    stretch: u64,
    backoff: Backoff,
}

impl Breaker {
    pub(crate) const fn new(budget: Duration, seed: u64) -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            lost: Duration::ZERO,
            budget,
            stretch: 0,
            backoff: Backoff::new(seed),
        }
    }

    /// Whether it may go out now; if not, how long it is until something may. Zero when that depends on the one that
    /// is under way.
    pub(crate) fn admit(&mut self, now: Instant, errand: Errand) -> Result<Pass, Duration> {
        let role = match (self.state, errand) {
            (State::Closed, _) => Role::Counted,
            (_, Errand::Probe) => Role::Probe,
            (State::Open { until }, _) if now < until => return Err(until.duration_since(now)),
            (State::Trying, _) => return Err(Duration::ZERO),
            (State::Open { .. }, _) => {
                self.enter(State::Trying);
                Role::Trial
            }
        };
        Ok(Pass { stretch: self.stretch, role })
    }

    /// What became of it.
    pub(crate) fn settle(&mut self, now: Instant, pass: &Pass, ending: Ending) {
        if pass.stretch != self.stretch {
            return;
        }
        match (ending, pass.role) {
            (Ending::Answered, _) => {
                if self.state != State::Closed {
                    self.enter(State::Closed);
                }
                self.failures = 0;
                self.lost = Duration::ZERO;
                self.backoff.reset();
            }
            (Ending::Failed { asked, .. }, Role::Trial) => self.open(now, asked),
            (Ending::Failed { took, asked }, Role::Counted) => {
                self.failures = self.failures.saturating_add(1);
                self.lost = self.lost.saturating_add(took);
                // One slow failure is no row of them.
                if self.failures >= FAILURES || (self.failures > 1 && self.lost > self.budget) {
                    self.open(now, asked);
                }
            }
            // The next one tries.
            (Ending::Abandoned, Role::Trial) => self.enter(State::Open { until: now }),
            (Ending::Abandoned, Role::Counted) | (_, Role::Probe) => {}
        }
    }

    /// Ends the wait: a person asked. The next one tries.
    pub(crate) fn retry_now(&mut self, now: Instant) {
        if let State::Open { .. } = self.state {
            self.state = State::Open { until: now };
        }
    }

    fn open(&mut self, now: Instant, asked: Option<Duration>) {
        let wait = self.backoff.after_transient(asked);
        self.enter(State::Open { until: now.checked_add(wait).unwrap_or(now) });
        self.failures = 0;
        self.lost = Duration::ZERO;
    }

    /// What is under way from before decides nothing any more.
    const fn enter(&mut self, state: State) {
        self.state = state;
        self.stretch = self.stretch.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
