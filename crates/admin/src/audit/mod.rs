//! The audit log of a person's actions: is it what was written, what is in it, and handing it on.

pub(crate) mod criteria;
pub(crate) mod export;
pub(crate) mod search;
pub(crate) mod verify;
