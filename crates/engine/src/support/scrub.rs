//! Strikes out of a text what must not leave a workstation, even where it should not have been in it.
//!
//! What looks like an id is letters and digits in one word, or a long run of digits: opaque ids of people and records are
//! either. That strikes out some innocent words as well, which costs who helps less than one id too many costs a patient.
//! Lines that we have made of fixed words and figures are not handed here word by word: see [`Scrub::line`].

use std::fmt;

/// What takes the place of what was struck out.
const STRUCK: &str = "…";
/// Longer runs of digits may be somebody's number.
const FIGURES: usize = 6;
/// Shorter ones are not known well enough to be looked for: they would strike out half of every text.
const SHORTEST_SECRET: usize = 6;

/// Knows what to strike out.
pub struct Scrub {
    home: Option<String>,
    secrets: Vec<String>,
    /// In lower case.
    names: Vec<String>,
}

impl Scrub {
    /// The person's home directory, which has their name, and secrets that are known.
    pub fn new<'a>(home: Option<&str>, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let home = home.map(|home| home.trim_end_matches(['/', '\\']).to_owned());
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST_SECRET);
        Self {
            home: home.filter(|home| home.len() > 1),
            secrets: secrets.map(ToOwned::to_owned).collect(),
            names: Vec::new(),
        }
    }

    /// Knows these names too: a machine is often called after who sits before it.
    #[must_use]
    pub fn and_names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let words = names.into_iter().flat_map(|name| name.split(|letter: char| !letter.is_alphanumeric()));
        self.names.extend(words.filter(|word| word.chars().count() > 1).map(str::to_lowercase));
        self
    }

    /// The text without the secrets, the names and the home that are known.
    pub fn strike_out(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(home) = &self.home {
            text = text.replace(home, "~");
        }
        let text = self.secrets.iter().fold(text, |text, secret| text.replace(secret, STRUCK));
        self.without_names(&text)
    }

    fn without_names(&self, text: &str) -> String {
        let (mut left, mut word) = (String::with_capacity(text.len()), String::new());
        let end = |word: &mut String, left: &mut String| {
            left.push_str(if self.names.contains(&word.to_lowercase()) { STRUCK } else { word });
            word.clear();
        };
        for letter in text.chars() {
            if letter.is_alphanumeric() {
                word.push(letter);
            } else {
                end(&mut word, &mut left);
                left.push(letter);
            }
        }
        end(&mut word, &mut left);
        left
    }

    /// A line of words that came from elsewhere: also without what looks like an id, an address or a number.
    pub fn line(text: &str) -> String {
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            words.push(if is_told(word) { word } else { STRUCK });
        }
        words.join(" ")
    }
}

/// Whether a word says nothing of anybody.
fn is_told(word: &str) -> bool {
    let letters = word.chars().any(char::is_alphabetic);
    let digits = word.chars().filter(char::is_ascii_digit).count();
    !(word.contains('@') || word.contains("://") || (letters && digits > 0) || digits > FIGURES)
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrub(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Scrub;

    #[test]
    fn what_looks_like_an_id_is_struck_out_and_what_is_a_sentence_stays() {
        let line = Scrub::line(
            "a request to c-41 of patient-2044 failed with status 503 (https://clinic.example/v1) for amara@clinic",
        );
        assert_eq!(line, "a request to … of … failed with status 503 … for …");
        assert_eq!(Scrub::line("0190-2231-7 and 4829131"), "… and …");
    }

    proptest! {
        #[test]
        fn no_uuid_and_no_base64_gets_through(
            uuid in "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            key in "[A-Za-z]{3}[A-Za-z0-9+/_-]{20,60}[0-9][A-Za-z]{3}=?",
        ) {
            let line = Scrub::line(&format!("it was {uuid}, then {key}."));
            prop_assert_eq!(line, "it was … then …");
        }

        #[test]
        fn a_known_secret_is_nowhere_in_what_is_left(secret in "[A-Za-z0-9]{6,20}", before in ".{0,30}", after in ".{0,30}") {
            let scrub = Scrub::new(None, [secret.as_str()]);
            let left = scrub.strike_out(&format!("{before}{secret}{after}{secret}"));
            prop_assert!(!left.contains(&secret));
        }
    }

    #[test]
    fn a_machine_that_is_called_after_somebody_is_told_without_them() {
        let scrub = Scrub::new(None, []).and_names(["Amara Zoë", "Okafor", "A"]);
        let left = scrub.strike_out("CHATEHR_WORKSTATION  OKAFOR-laptop, zoë_2 and Okaforian");
        assert_eq!(left, "CHATEHR_WORKSTATION  …-laptop, …_2 and Okaforian");
    }

    #[test]
    fn a_home_is_told_without_its_owner() {
        let scrub = Scrub::new(Some("/home/okafor/"), []);
        assert_eq!(scrub.strike_out("/home/okafor/.local/share"), "~/.local/share");
        assert_eq!(Scrub::new(Some("/"), []).strike_out("/var"), "/var");
    }
}
