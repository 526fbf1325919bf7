//! docs/compliance.md says of each rule which tests hold the program to it: every test that it names is there.
//!
//! A name stands in backticks, alone: lower-case words with four underscores or more, which nothing else there has.

use std::collections::BTreeSet;

/// Where the rules are.
pub(crate) const PAGE: &str = "docs/compliance.md";

/// The tests that the page names.
fn named(page: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| {
        word.matches('_').count() >= 4
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    page.split('`').skip(1).step_by(2).filter(is_name).collect()
}

/// The tests that a file of Rust has.
pub(crate) fn tests_in(text: &str) -> impl Iterator<Item = &str> {
    let mut marked = false;
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        // Between the mark and the name may stand other marks.
        if line.starts_with("#[") {
            marked |= line.starts_with("#[test") || line.starts_with("#[tokio::test");
            return None;
        }
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        // Those of proptest have their mark within the macro, as all others.
        let name = name.filter(|_| marked).and_then(|rest| rest.split('(').next());
        marked &= line.is_empty() || line.starts_with("//");
        name
    })
}

/// What the page names and no file has.
pub(crate) fn missing(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let found = named(page).into_iter().filter(|name| !tests.contains(*name));
    found.map(|name| format!("{PAGE} names the test {name}, which is not there")).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::{PAGE, missing, named, tests_in};
    use crate::step::root;

    fn gather(directory: &Path, tests: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, tests);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                tests.extend(tests_in(&fs::read_to_string(&path).unwrap()).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_test_that_a_rule_leans_on_is_there() {
        let mut tests = BTreeSet::new();
        for part in ["crates", "src-tauri", "tests", "ui/src", "xtask/src"] {
            gather(&root().join(part), &mut tests);
        }
        let page = fs::read_to_string(root().join(PAGE)).unwrap();
        assert!(named(&page).len() > 50, "the page is not read");
        assert_eq!(missing(&page, &tests), Vec::<String>::new());
    }

    #[test]
    fn a_test_that_a_rule_leans_on_and_that_is_not_there_is_named() {
        let page =
            "| a rule | `a_test_that_is_there`, `a_test_that_is_not` and `may_export`, `GET /policy` |";
        assert_eq!(named(page), BTreeSet::from(["a_test_that_is_there", "a_test_that_is_not"]));
        let source = "#[tokio::test(flavor = \"multi_thread\")]\n#[ignore]\nasync fn a_test_that_is_there() {\n}\n\nfn a_test_that_is_not() {}";
        let tests: BTreeSet<String> = tests_in(source).map(str::to_owned).collect();
        assert_eq!(tests, BTreeSet::from(["a_test_that_is_there".to_owned()]));
        assert_eq!(missing(page, &tests).len(), 1);
    }
}
