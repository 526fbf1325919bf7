//! What running programs have in their memory, searched from outside (Linux).

use std::{collections::BTreeMap, fs, os::unix::fs::FileExt as _, path::Path};

use crate::{Failure, Outcome, canary::Wanted, process::descendants};

/// How much is read at once.
const PART: usize = 256 << 10;
/// Bytes of the longest word that is looked for.
const LONGEST: u64 = 256;

/// A program and everything that it has started, by process id, each with its name as the kernel abbreviates it.
pub(crate) fn tree(of: u32) -> BTreeMap<u32, String> {
    let name = |id: u32| fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned();
    std::iter::once(of).chain(descendants(of)).map(|id| (id, name(id))).collect()
}

/// Which of the words stand in what this process can write to.
pub(crate) fn find(process: u32, words: &[String]) -> Outcome<Vec<String>> {
    let failed = |error| Failure::new(format!("the memory of process {process} cannot be read: {error}"));
    let place = Path::new("/proc").join(process.to_string());
    let maps = fs::read_to_string(place.join("maps")).map_err(failed)?;
    let memory = fs::File::open(place.join("mem")).map_err(failed)?;
    let pages = fs::File::open(place.join("pagemap")).map_err(failed)?;
    let (wanted, mut found) = (Wanted::new(words), Vec::new());
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        let Some((Ok(mut at), Ok(end))) =
            range.map(|(from, to)| (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)))
        else {
            continue;
        };
        let mut bytes = vec![0; PART];
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(PART);
            if is_touched(&pages, at, most) {
                // What is gone by now does not read.
                let read = bytes.get_mut(..most).map_or(Ok(0), |part| memory.read_at(part, at));
                let part = bytes.get(..read.unwrap_or_default()).unwrap_or_default();
                found.extend(wanted.all_in(part).map(str::to_owned));
            }
            // A word may lie across two parts.
            at = if most < PART { end } else { at + (PART as u64 - LONGEST) };
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether any of these pages has ever been written: a browser reserves some sixty gigabytes and uses a hundredth of one.
fn is_touched(pages: &fs::File, at: u64, length: usize) -> bool {
    const PAGE: u64 = 4096;
    const ENTRY: u64 = 8;
    let last = at + length as u64;
    let count = (last.div_ceil(PAGE) - at / PAGE) * ENTRY;
    let mut entries = vec![0; usize::try_from(count).unwrap_or_default()];
    // What cannot be told is read.
    pages.read_exact_at(&mut entries, at / PAGE * ENTRY).is_err()
        // Present, or swapped out (bits 63 and 62).
        || entries.as_chunks::<8>().0.iter().any(|entry| u64::from_ne_bytes(*entry) >> 62 != 0)
}
