//! The first use of SQLite in a process, which can be tested once in each: alone in its file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::sync::Barrier;

use chatehr_vault::Vault;
use common::key;

#[test]
fn threads_that_open_files_at_the_same_moment_all_find_sqlite_ready() {
    let home = tempfile::tempdir().unwrap();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (start, dir) = (&start, home.path().join(format!("person-{n}")));
            scope.spawn(move || {
                start.wait();
                Vault::open(&dir, &key()).unwrap();
            });
        }
    });
}
