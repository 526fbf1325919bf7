//! What a notification says, by the level of privacy: never a patient's name, never their words.

use chatehr_contract::{
    AlertNotice, AlertPrivacy, ConsultationId, PersonName, SPECIALTIES, SpecialtyCode, Timestamp, Urgency,
};

/// A notification outside the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its number: another with the same one takes its place.
    pub number: u64,
    /// What a click opens; none for a test.
    pub consultation: Option<ConsultationId>,
    /// Whether the desktop keeps it on the screen: urgent and emergency.
    pub critical: bool,
    /// Whether every second counts.
    pub emergency: bool,
    /// Whether it makes a sound.
    pub sound: bool,
    /// Whether it offers to acknowledge: it is about one request, which can be.
    pub may_acknowledge: bool,
    /// "Urgent cardiology consultation".
    pub title: String,
    /// "8 min to answer".
    pub body: String,
}

/// The number of the test notification. Those of requests begin after it.
const TEST: u64 = 0;

impl Alert {
    /// The notification by which a person tries out whether the desktop shows any.
    pub fn test() -> Self {
        Self {
            number: TEST,
            consultation: None,
            critical: true,
            emergency: false,
            sound: true,
            may_acknowledge: false,
            title: "Test alert".to_owned(),
            body: "Urgent requests will appear like this.".to_owned(),
        }
    }
}

/// Title and body for the most pressing of several, as of `now`. `repeated`: it has been said before.
pub(super) fn words(
    notice: &AlertNotice,
    initials: Option<&str>,
    others: usize,
    repeated: bool,
    privacy: AlertPrivacy,
    now: Timestamp,
) -> (String, String) {
    let urgency = match notice.urgency {
        Urgency::Emergency => "Emergency",
        Urgency::Urgent | Urgency::Other(_) => "Urgent",
        Urgency::Routine => "Routine",
    };
    let mut title = match privacy {
        AlertPrivacy::Nothing => return ("ChatEHR needs you".to_owned(), String::new()),
        AlertPrivacy::Urgency => format!("{urgency} consultation"),
        _ => format!("{urgency} {} consultation", specialty_name(&notice.specialty)),
    };
    if let Some(initials) = initials.filter(|_| privacy == AlertPrivacy::Initials) {
        title = format!("{title}, {initials}");
    }
    if others > 0 {
        title = format!("{title} and {others} more");
    }
    if privacy == AlertPrivacy::Urgency {
        return (title, if repeated { "Not answered yet".to_owned() } else { String::new() });
    }
    let body = match notice.answer_due.map(|due| due.seconds_since(now)) {
        Some(left) if left >= 60 => format!("{} min to answer", left / 60),
        Some(left) if left > 0 => format!("{left} s to answer"),
        Some(_) => "The time to answer has passed".to_owned(),
        None => "Waiting for an answer".to_owned(),
    };
    (title, if repeated { format!("Not answered yet. {body}") } else { body })
}

/// "M. S.", from letters alone.
pub(crate) fn initials(name: &PersonName) -> Option<String> {
    let letter = |name: &str| name.chars().find(|letter| letter.is_alphabetic());
    let letters = name.given.first().and_then(|given| letter(given)).into_iter().chain(letter(&name.family));
    let initials: Vec<_> =
        letters.map(|letter| format!("{}.", letter.to_uppercase().collect::<String>())).collect();
    (!initials.is_empty()).then(|| initials.join(" "))
}

/// The specialty in the middle of a sentence.
fn specialty_name(code: &SpecialtyCode) -> String {
    SPECIALTIES
        .iter()
        .find(|(known, ..)| known == code)
        .map_or_else(|| code.as_str().replace('_', " "), |(_, name, _)| name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(urgency: Urgency) -> AlertNotice {
        AlertNotice {
            consultation_id: ConsultationId::new("c-1"),
            urgency,
            specialty: SpecialtyCode::PrimaryCare,
            answer_due: Some(Timestamp::from_millis(120_000)),
            told: 1,
            may_acknowledge: true,
        }
    }

    #[test]
    fn each_level_of_privacy_says_so_much_and_no_more() {
        let said = |privacy| {
            words(&notice(Urgency::Urgent), Some("M. S."), 2, true, privacy, Timestamp::from_millis(0))
        };
        let as_said =
            [AlertPrivacy::Nothing, AlertPrivacy::Urgency, AlertPrivacy::Specialty, AlertPrivacy::Initials]
                .map(|privacy| format!("{:?}", said(privacy)));
        assert_eq!(
            as_said,
            [
                r#"("ChatEHR needs you", "")"#,
                r#"("Urgent consultation and 2 more", "Not answered yet")"#,
                r#"("Urgent primary care consultation and 2 more", "Not answered yet. 2 min to answer")"#,
                r#"("Urgent primary care consultation, M. S. and 2 more", "Not answered yet. 2 min to answer")"#,
            ]
        );
    }

    #[test]
    fn the_words_tell_the_time_left() {
        let at = |seconds: i64| {
            let now = Timestamp::from_millis(seconds * 1000);
            words(&notice(Urgency::Emergency), None, 0, false, AlertPrivacy::default(), now).1
        };
        assert_eq!(at(0), "2 min to answer");
        assert_eq!(at(90), "30 s to answer");
        assert_eq!(at(121), "The time to answer has passed");
    }

    #[test]
    fn initials_are_letters_and_nothing_else() {
        let name =
            |given: &str, family: &str| PersonName { family: family.into(), given: vec![given.into()] };
        assert_eq!(initials(&name("marta", "Szymańska")).as_deref(), Some("M. S."));
        assert_eq!(initials(&name("<b>", "'t Hooft")).as_deref(), Some("B. T."));
        assert_eq!(initials(&name("", "1")), None);
    }
}
