//! Unmistakable words, planted where patients and physicians type, and the search for them where they must not be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Failure, Outcome};

/// A word that nobody else writes.
pub(crate) fn new(place: &str) -> Outcome<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("canary-{place}-{random}"))
}

/// Every regular file below `place` (or `place` itself) that holds one of the words, as UTF-8 or UTF-16.
pub(crate) fn find(place: &Path, words: &[String]) -> Outcome<Vec<PathBuf>> {
    let failed = |error| Failure::new(format!("{} cannot be searched: {error}", place.display()));
    let kind = fs::symlink_metadata(place).map_err(failed)?.file_type();
    if kind.is_dir() {
        let mut found = Vec::new();
        for entry in fs::read_dir(place).map_err(failed)? {
            found.extend(find(&entry.map_err(failed)?.path(), words)?);
        }
        Ok(found)
    } else if kind.is_file() {
        let bytes = fs::read(place).map_err(failed)?;
        let found = Wanted::new(words).is_any_in(&bytes);
        Ok(found.then(|| place.to_owned()).into_iter().collect())
    } else {
        Ok(Vec::new())
    }
}

/// Words that are looked for, each as UTF-8 and as UTF-16.
pub(crate) struct Wanted<'a> {
    spellings: Vec<(&'a str, Vec<u8>)>,
    /// Whether one begins so: gigabytes of memory are searched.
    begins: [bool; 256],
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(words: &'a [String]) -> Self {
        let mut spellings = Vec::new();
        for word in words {
            spellings.push((word.as_str(), word.clone().into_bytes()));
            spellings.push((word.as_str(), word.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        }
        let mut begins = [false; 256];
        for first in spellings.iter().filter_map(|(_, spelling)| spelling.first()) {
            if let Some(begins) = begins.get_mut(usize::from(*first)) {
                *begins = true;
            }
        }
        Self { spellings, begins }
    }

    /// Each word that stands there, once for each time.
    pub(crate) fn all_in(&self, bytes: &[u8]) -> impl Iterator<Item = &'a str> {
        let starts =
            bytes.iter().enumerate().filter(|(_, byte)| self.begins.get(usize::from(**byte)) == Some(&true));
        starts.filter_map(|(at, _)| {
            let rest = bytes.get(at..)?;
            self.spellings.iter().find(|(_, spelling)| rest.starts_with(spelling)).map(|(word, _)| *word)
        })
    }

    fn is_any_in(&self, bytes: &[u8]) -> bool {
        self.all_in(bytes).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn a_planted_word_is_found_in_either_encoding() {
        let place = std::env::temp_dir().join(format!("chatehr-canary-{}", std::process::id()));
        let deep = place.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let word = super::new("test").unwrap();
        fs::write(deep.join("narrow"), format!("x{word}x")).unwrap();
        let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(deep.join("wide"), wide).unwrap();
        fs::write(deep.join("clean"), "nothing").unwrap();
        let mut found = super::find(&place, &[word]).unwrap();
        found.sort();
        assert_eq!(found, [deep.join("narrow"), deep.join("wide")]);
        fs::remove_dir_all(place).unwrap();
    }
}
