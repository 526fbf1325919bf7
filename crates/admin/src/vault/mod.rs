//! A person's encrypted files: who has any here, copies for another disk, another key, and a keyring that lost it.

pub(crate) mod backup;
pub(crate) mod list;
pub(crate) mod recover;
pub(crate) mod rekey;
pub(crate) mod restore;
