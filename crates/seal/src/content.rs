//! Tells sealed content from plain text by its shape alone.
//!
//! Strict on purpose: "BP 120:80" is something a person wrote, not a decryption that failed.

use crate::key::is_kid;

/// What every envelope begins with.
pub(crate) const PREFIX: &str = "chatehr.3.";
/// Hex digits of a tag.
const TAG_DIGITS: usize = 32;

/// What the content of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// An envelope, or what is left of a damaged one: [`open`](crate::open) tells.
    Envelope {
        /// Which root secret its key comes from.
        kid: &'a str,
    },
    /// The original's first format.
    LegacyV1,
    /// The original's second format.
    LegacyV2,
    /// Words.
    Clear,
}

/// Looks at the shape of a message's content.
pub fn classify(content: &str) -> Content<'_> {
    if let Some((kid, _)) = envelope_parts(content) {
        return Content::Envelope { kid };
    }
    match legacy_parts(content) {
        Some((first, ..)) if first.len() == 32 => Content::LegacyV1,
        Some((first, ..)) if first.len() == 24 => Content::LegacyV2,
        _ => Content::Clear,
    }
}

/// The key's name and the body. A body that is damaged still counts, so that it is refused and not shown as words.
pub(crate) fn envelope_parts(content: &str) -> Option<(&str, &str)> {
    let (kid, body) = content.strip_prefix(PREFIX)?.split_once('.')?;
    (is_kid(kid) && !body.is_empty() && !body.contains(char::is_whitespace)).then_some((kid, body))
}

/// First field, tag and ciphertext, all in hex.
pub(crate) fn legacy_parts(content: &str) -> Option<(&str, &str, &str)> {
    let (first, rest) = content.split_once(':')?;
    let (tag, ciphertext) = rest.split_once(':')?;
    let sound = is_hex(first)
        && is_hex(tag)
        && tag.len() == TAG_DIGITS
        && is_hex(ciphertext)
        && !ciphertext.is_empty()
        && ciphertext.len().is_multiple_of(2);
    sound.then_some((first, tag, ciphertext))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Content, classify};

    #[test]
    fn words_with_colons_and_dots_stay_words() {
        for words in [
            "",
            "BP 120:80",
            "10:30:45",
            "ab:cd:ef",
            "chatehr.3.",
            "chatehr.3.k1",
            "chatehr.3.k1.",
            "chatehr.3. is the version. Is it?",
            "chatehr.3.k1.is the prefix of an envelope",
            "chatehr.3.not a kid.AAAA",
            "27e84ce82678c2e203634ace0c265b2b:27e84ce82678c2e203634ace0c265b2b:",
            "27e84ce82678c2e203634ace0c265b2b:27e84ce82678c2e203634ace0c265b2b:abc",
            "27e84ce82678c2e203634ace0c265b:27e84ce82678c2e203634ace0c265b2b:abcd",
            "27e84ce82678c2e203634ace0c265b2b:27e84ce82678c2e203634ace0c265b2b:ab:cd",
        ] {
            assert_eq!(classify(words), Content::Clear, "{words}");
        }
    }

    #[test]
    fn sealed_content_is_recognised() {
        let tag = "27e84ce82678c2e203634ace0c265b2b";
        assert_eq!(classify("chatehr.3.2026-a_1.AAAA"), Content::Envelope { kid: "2026-a_1" });
        assert_eq!(classify("chatehr.3.k.damaged=="), Content::Envelope { kid: "k" });
        assert_eq!(classify(&format!("{tag}:{tag}:bcf6eade5828")), Content::LegacyV1);
        assert_eq!(classify(&format!("000102030405060708090a0b:{tag}:bc")), Content::LegacyV2);
    }

    proptest! {
        #[test]
        fn whatever_a_person_types_with_a_space_in_it_is_words(left in "\\PC{0,60}", right in "\\PC{0,60}") {
            let typed = format!("{} {}", left, right);
            prop_assert_eq!(classify(&typed), Content::Clear);
        }
    }
}
