//! What was freed is not left readable in memory.
//!
//! A string, a page of SQLite's or a buffer of a library that is freed stays in the program's memory until something else
//! takes its place: a person who has signed out would still be found in a core image. On Linux the C library wipes
//! whatever is freed, by whomever, when it is told so before the program starts. Measured, filling the encrypted files
//! takes no longer for it; SQLCipher's own `cipher_memory_security`, which locks pages as well, doubles the time.

use std::ffi::{OsStr, OsString};

/// The variable that glibc reads before a program begins.
pub const TUNABLES: &str = "GLIBC_TUNABLES";
/// Fill what is freed; and keep nothing aside unfilled, as each thread's own little store would.
const WIPE: &str = "glibc.malloc.perturb=90:glibc.malloc.tcache_count=0";

/// What [`TUNABLES`] must be for freed memory to be wiped; `None` when it is so, or the person has decided otherwise.
pub fn wiping(present: Option<&OsStr>) -> Option<OsString> {
    match present {
        None => Some(WIPE.into()),
        Some(present) if present.to_string_lossy().contains("glibc.malloc.perturb") => None,
        Some(present) => {
            let mut both = present.to_owned();
            both.push(":");
            both.push(WIPE);
            Some(both)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::wiping;

    #[test]
    fn freed_memory_is_wiped_and_what_else_was_asked_for_stays() {
        let first = wiping(None).unwrap();
        assert!(first.to_str().unwrap().starts_with("glibc.malloc.perturb="));
        assert_eq!(wiping(Some(&first)), None, "a program that has it starts once");
        let both = wiping(Some("glibc.malloc.arena_max=2".as_ref())).unwrap();
        assert!(both.to_str().unwrap().starts_with("glibc.malloc.arena_max=2:glibc.malloc.perturb="));
    }
}
