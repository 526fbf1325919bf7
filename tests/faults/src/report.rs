//! One line for each fault, and one of figures at the end.

#![expect(clippy::print_stdout, reason = "a command-line program speaks on the terminal")]

/// What was found so far.
#[derive(Default)]
pub(crate) struct Report {
    passed: u64,
    failed: u64,
}

impl Report {
    /// Says what to run again.
    pub(crate) fn begin(&self, seed: u64, place: &std::path::Path) {
        println!("  seed {seed}, files in {}", place.display());
    }

    /// A fault that happened so many times, what it broke, and what else is to be said.
    pub(crate) fn line(&mut self, fault: &str, times: u64, broken: Vec<String>, more: String) {
        let mark = if broken.is_empty() { "✓" } else { "✗" };
        let failed = broken.len() as u64;
        println!("  {mark} {fault}: {times} times, {failed} failed; {more}");
        for why in broken.iter().take(5) {
            println!("      {why}");
        }
        self.failed += failed;
        self.passed += times.saturating_sub(failed);
    }

    /// Says the figures; whether nothing failed.
    pub(crate) fn end(&self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}
