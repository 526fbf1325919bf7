//! What a process and its children hold in memory: the proportional set size, in which a page that several share
//! counts in parts, so that the sum over a tree counts every page once.

use std::fs;

use crate::Failure;

/// Bytes of the tree below `process`.
pub(crate) fn of_tree(process: u32) -> Result<u64, Failure> {
    let mut bytes = 0;
    let mut waiting = vec![process];
    while let Some(process) = waiting.pop() {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).map_err(|error| {
            Failure::new(format!("the memory of process {process} cannot be read: {error}"))
        })?;
        bytes += pss(&rollup).ok_or_else(|| Failure::new("the kernel tells no Pss"))?;
        for thread in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    Ok(bytes)
}

/// `Pss:   1234 kB`
fn pss(rollup: &str) -> Option<u64> {
    let kib: u64 = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))?
        .trim()
        .strip_suffix(" kB")?
        .parse()
        .ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::pss;

    #[test]
    fn the_kernels_figure_is_read_in_bytes() {
        let text =
            "55d0-7ffe ---p 00000000 00:00 0   [rollup]\nRss:   2048 kB\nPss:    1536 kB\nPss_Anon: 1 kB\n";
        assert_eq!(pss(text), Some(1536 * 1024));
        assert_eq!(pss("Rss: 1 kB"), None);
    }
}
