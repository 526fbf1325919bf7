//! What can happen to one request, and where.

use std::time::Duration;

/// Whose bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request's.
    Request,
    /// The answer's.
    Answer,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection is closed on both sides.
    Cut,
    /// The connection is reset on both sides; what was on its way may be lost as well.
    Reset,
    /// Nothing more passes, and after so long the connection is closed.
    SlowClose(Duration),
    /// Nothing more passes, and nobody is told: the connection is half-open.
    Silence,
    /// So many bytes of noise stand in between.
    Garbage(u16),
}

/// One fault: after so many bytes of that side, counted from the request's first or the answer's first, this happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose bytes are counted.
    pub side: Side,
    /// How many still pass.
    pub after: usize,
    /// What happens then.
    pub what: What,
}

impl Fault {
    /// In the request.
    pub const fn in_request(after: usize, what: What) -> Self {
        Self { side: Side::Request, after, what }
    }

    /// In the answer.
    pub const fn in_answer(after: usize, what: What) -> Self {
        Self { side: Side::Answer, after, what }
    }
}

/// SplitMix64: small, and the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.next() % (micros + 1))
    }

    pub(crate) fn bytes(&mut self, count: u16) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()).map(|[first, ..]| first).collect()
    }
}
