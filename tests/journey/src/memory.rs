//! What running programs have in their memory, searched from outside (Linux).

use std::{collections::BTreeMap, fs, os::unix::fs::FileExt as _, path::Path};

use crate::{Failure, Outcome, canary::Wanted};

/// How much is read at once.
const PART: usize = 256 << 10;
/// Bytes of the longest word that is looked for.
const LONGEST: u64 = 256;

/// A program and everything that it has started, by process id, each with its name.
pub(crate) fn tree(of: u32) -> Outcome<BTreeMap<u32, String>> {
    let failed = |error| Failure::new(format!("the processes cannot be listed: {error}"));
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One may end while we look.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // "4711 (name, with any sign) S 4700 …"
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        let name = before.split_once('(').map_or("", |(_, name)| name).to_owned();
        if let Some(parent) = after.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.insert(id, (parent, name));
        }
    }
    let mut all = BTreeMap::new();
    let mut next = vec![of];
    while let Some(id) = next.pop() {
        if let Some((_, name)) = parents.get(&id) {
            all.insert(id, name.clone());
        }
        next.extend(parents.iter().filter(|(_, (parent, _))| *parent == id).map(|(id, _)| *id));
    }
    Ok(all)
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
