//! Break-glass: somebody outside a consultation opens it in an emergency (45 CFR 164.312(a)(2)(ii)).
//!
//! Promises: a reason in words goes with it and on record, and it ends by itself. Refuses: a reason that is none, and
//! more than four hours whatever is asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ConsultationId, InvalidField, MAX_REASON_CHARS, PersonId, SecretText, Timestamp};

/// Shortest reason, in characters.
pub const MIN_REASON_CHARS: usize = 8;
/// The longest that a record stays open, whatever a policy or a person says.
pub const MAX_GLASS_MINUTES: u32 = 240;

/// Whether this is a reason: words, not marks that nobody sees.
pub fn is_reason(text: &str) -> bool {
    let letters = text.chars().filter(|sign| sign.is_alphanumeric()).count();
    (MIN_REASON_CHARS..=MAX_REASON_CHARS).contains(&text.trim().chars().count())
        && letters >= MIN_REASON_CHARS / 2
        && !text.chars().any(|sign| {
            sign.is_control() || matches!(sign, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
}

/// POST /consultations/:id/break-glass.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewBreakGlass {
    /// Why, 8 to 500 characters after trimming, at least four of them letters or digits.
    #[cfg_attr(feature = "openapi", schema(min_length = 8, max_length = 500))]
    pub reason: String,
    /// For how long; as long as the clinic's policy says when absent, and never longer than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 240))]
    pub minutes: Option<u32>,
}

impl NewBreakGlass {
    /// Every field that cannot be accepted; empty when the request is sound.
    pub fn problems(&self) -> Vec<InvalidField> {
        let mut problems = Vec::new();
        if !is_reason(&self.reason) {
            problems.push(InvalidField::new("reason", "must be words of 8 to 500 characters"));
        }
        if self.minutes.is_some_and(|minutes| !(1..=MAX_GLASS_MINUTES).contains(&minutes)) {
            problems.push(InvalidField::new("minutes", "must be 1 to 240"));
        }
        problems
    }

    /// For how many minutes, where the clinic allows so many.
    pub fn allowed_minutes(&self, policy: u32) -> u32 {
        let most = policy.clamp(1, MAX_GLASS_MINUTES);
        self.minutes.unwrap_or(most).min(most)
    }
}

impl fmt::Debug for NewBreakGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBreakGlass").field("minutes", &self.minutes).finish_non_exhaustive()
    }
}

/// That somebody opened a record in an emergency.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BrokenGlass {
    /// Which.
    pub consultation_id: ConsultationId,
    /// Whose.
    pub patient_id: PersonId,
    /// Who.
    pub person_id: PersonId,
    /// Why, in their words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// Until when: it ends by itself, or was closed.
    pub until: Timestamp,
}

impl fmt::Debug for BrokenGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokenGlass")
            .field("consultation_id", &self.consultation_id)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// Open somebody else's record in an emergency.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Which.
    pub id: ConsultationId,
    /// Why.
    pub reason: String,
    /// Who they are, shown once more; empty to sign in anew with their clinic account.
    pub pin: SecretText,
}

impl fmt::Debug for BreakGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakGlass").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The record that is open in an emergency, for the banner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGlass {
    /// Which.
    pub id: ConsultationId,
    /// Why, as the person wrote it.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
}

impl fmt::Debug for OpenGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenGlass").field("id", &self.id).field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{BreakGlass, BrokenGlass, MAX_GLASS_MINUTES, NewBreakGlass, OpenGlass, is_reason};
    use crate::{ConsultationId, PersonId, SecretText, Timestamp};

    #[test]
    fn neither_a_reason_nor_a_pin_nor_whose_it_is_shows_in_debug() {
        let (id, reason) = (ConsultationId::new("c-1"), || "Brought in unconscious".to_owned());
        let at = Timestamp::from_millis(0);
        let broken = BrokenGlass {
            consultation_id: id.clone(),
            patient_id: PersonId::new("patient-1"),
            person_id: PersonId::new("physician-1"),
            reason: reason(),
            at,
            until: at,
        };
        let asked = BreakGlass { id: id.clone(), reason: reason(), pin: SecretText::new("402917") };
        let new = NewBreakGlass { reason: reason(), minutes: None };
        let shown =
            format!("{broken:?} {asked:?} {new:?} {:?}", OpenGlass { id, reason: reason(), until: at });
        for hidden in ["unconscious", "402917", "patient-1"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn a_reason_is_words() {
        for reason in ["Unconscious", "  Collapsed in the hall  ", "急救患者昏迷不醒需要"] {
            assert!(is_reason(reason), "{reason}");
        }
        let long = "a".repeat(501);
        for none in ["", "urgent", "........", "\u{200b}".repeat(20).as_str(), "line\nbreak here", &long] {
            assert!(!is_reason(none), "{none}");
        }
    }

    #[test]
    fn no_record_stays_open_for_longer_than_the_clinic_and_four_hours_allow() {
        let asked = |minutes| NewBreakGlass { reason: "Unconscious".to_owned(), minutes };
        assert_eq!(asked(None).allowed_minutes(30), 30);
        assert_eq!(asked(Some(10)).allowed_minutes(30), 10);
        assert_eq!(asked(Some(200)).allowed_minutes(30), 30);
        assert_eq!(asked(None).allowed_minutes(u32::MAX), MAX_GLASS_MINUTES);
        assert_eq!(asked(None).allowed_minutes(0), 1);
        assert_eq!(asked(Some(241)).problems().len(), 1);
    }
}
