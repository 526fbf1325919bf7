//! What a calculation with a key leaves on the stack of its thread.
//!
//! A cipher wipes its round keys, the first of which are the key itself, where it ends, and not where it was moved from
//! on its way there. Those places lie below the caller; a thread that waits for its next work keeps them for hours.

use std::hint::black_box;

use zeroize::Zeroize;

/// Deeper than an AES-GCM of the development profile goes, which is the deepest.
const DEPTH: usize = 32 * 1024;

/// Does it, and leaves nothing of it on the stack below the caller but what is returned.
pub(crate) fn traceless<T>(work: impl FnOnce() -> T) -> T {
    let made = deep(work);
    wipe();
    made
}

#[inline(never)]
fn deep<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn wipe() {
    let mut left = [0_u8; DEPTH];
    left.zeroize();
    black_box(&left);
}
