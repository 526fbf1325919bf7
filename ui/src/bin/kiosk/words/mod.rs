//! Every word on the kiosk's screens, once for each language.
//!
//! Promises: one value of [`Words`] per language, every field of it filled and every `match` over a word of the
//! records complete, so a translation that is missing does not compile. Refuses: words of the server; a status or a
//! code that is not known has a plain general word here.

mod en;
mod es;

use chatehr_contract::{AppointmentStatus, ConsultationStatus, SpecialtyCode, Urgency};
use chatehr_ui::time::Local;

use crate::flow::{Language, Trouble};

/// A thing and what is to be said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) head: &'static str,
    pub(crate) more: &'static str,
}

/// One language.
pub(crate) struct Words {
    /// BCP 47.
    pub(crate) tag: &'static str,
    /// Its own name.
    pub(crate) name: &'static str,
    /// On the text size buttons, for a screen reader.
    pub(crate) text_normal: &'static str,
    pub(crate) text_large: &'static str,
    pub(crate) language_label: &'static str,
    pub(crate) text_size_label: &'static str,

    pub(crate) welcome: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) touch_to_start: &'static str,
    pub(crate) one_moment: &'static str,
    pub(crate) in_danger: &'static str,
    pub(crate) closed: fn(Trouble) -> Pair,

    pub(crate) code: Pair,
    pub(crate) code_label: &'static str,
    pub(crate) show_code: &'static str,
    pub(crate) number_pad: &'static str,
    pub(crate) rub: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) signing_in: &'static str,

    pub(crate) hello: fn(&str) -> String,
    pub(crate) need: &'static str,
    pub(crate) need_request: Pair,
    pub(crate) need_appointments: Pair,
    pub(crate) need_messages: Pair,
    pub(crate) not_you: fn(&str) -> String,
    pub(crate) finish: &'static str,

    pub(crate) progress: fn(usize) -> String,
    pub(crate) not_sent: &'static str,
    pub(crate) back: &'static str,
    pub(crate) start_over: &'static str,
    pub(crate) erase: Pair,
    pub(crate) erase_yes: &'static str,
    pub(crate) erase_no: &'static str,

    pub(crate) about: Pair,
    pub(crate) specialty: fn(&SpecialtyCode) -> Pair,
    pub(crate) how_soon: Pair,
    pub(crate) urgency: fn(&Urgency) -> Pair,
    pub(crate) emergency: Pair,
    pub(crate) emergency_signs: &'static str,
    pub(crate) told_staff: &'static str,
    pub(crate) go_back: &'static str,
    pub(crate) describe: Pair,
    pub(crate) describe_label: &'static str,
    pub(crate) examples_head: &'static str,
    pub(crate) examples: [&'static str; 3],
    pub(crate) left: fn(usize) -> String,
    pub(crate) over: fn(usize) -> String,
    pub(crate) next: &'static str,
    pub(crate) review: Pair,
    pub(crate) review_about: &'static str,
    pub(crate) review_how_soon: &'static str,
    pub(crate) review_describe: &'static str,
    pub(crate) change: &'static str,
    pub(crate) send: &'static str,
    pub(crate) sending: &'static str,
    pub(crate) receipt: &'static str,
    pub(crate) next_step: fn(&Urgency) -> Pair,
    pub(crate) reference: &'static str,
    pub(crate) received: &'static str,
    pub(crate) more: &'static str,

    pub(crate) appointments: &'static str,
    pub(crate) no_appointments: Pair,
    /// A physician's name with the title before it.
    pub(crate) doctor: fn(&str) -> String,
    pub(crate) appointment_with: fn(&str) -> String,
    pub(crate) appointment_alone: &'static str,
    pub(crate) minutes: fn(u32) -> String,
    pub(crate) appointment_status: fn(&AppointmentStatus) -> &'static str,
    pub(crate) messages: &'static str,
    pub(crate) no_messages: Pair,
    pub(crate) consultation_status: fn(&ConsultationStatus) -> &'static str,
    pub(crate) you: &'static str,
    pub(crate) clinic: &'static str,
    pub(crate) sealed: &'static str,
    pub(crate) unreadable: &'static str,
    pub(crate) reading: &'static str,
    pub(crate) try_again: &'static str,

    /// What happened and what to do.
    pub(crate) trouble: fn(Trouble) -> Pair,
    /// The same for a request that was on its way, where "what you wrote is kept" matters.
    pub(crate) not_taken: fn(Trouble) -> Pair,
    pub(crate) support_code: fn(&str) -> String,

    pub(crate) still_there: &'static str,
    pub(crate) still_there_more: &'static str,
    pub(crate) still_there_sent: &'static str,
    pub(crate) still_here: &'static str,
    pub(crate) seconds: &'static str,

    pub(crate) day: fn(Local) -> String,
    pub(crate) clock: fn(Local) -> String,
}

/// The languages in the order of their buttons.
pub(crate) const LANGUAGES: [Language; 2] = [Language::English, Language::Spanish];

impl Language {
    /// All words of a language.
    pub(crate) const fn words(self) -> &'static Words {
        match self {
            Self::English => &en::WORDS,
            Self::Spanish => &es::WORDS,
        }
    }

    /// Two letters, as on its button.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

const fn pair(head: &'static str, more: &'static str) -> Pair {
    Pair { head, more }
}

/// The clock of twelve hours, with what follows it before and after noon.
fn twelve_hours(at: Local, before_noon: &str, after_noon: &str) -> String {
    let half = if at.hour < 12 { before_noon } else { after_noon };
    let hour = match at.hour % 12 {
        0 => 12,
        hour => hour,
    };
    format!("{hour}:{:02}\u{a0}{half}", at.minute)
}

fn name_of(list: &[&'static str], index: Option<u32>) -> &'static str {
    index.and_then(|index| list.get(index as usize)).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{AppointmentStatus, ConsultationStatus, SpecialtyCode, Urgency};
    use chatehr_ui::time::Local;

    use super::{LANGUAGES, Pair};
    use crate::flow::{Language, Trouble};

    const AT: Local = Local { year: 2026, month: 11, day: 24, weekday: 2, hour: 9, minute: 5, second: 0 };

    #[test]
    fn a_day_and_a_clock_read_as_people_say_them() {
        let said = LANGUAGES.map(|language| {
            let words = language.words();
            let hours = [0, 9, 12, 23].map(|hour| (words.clock)(Local { hour, ..AT }));
            ((words.day)(AT), hours.join(", ").replace('\u{a0}', " "))
        });
        let expected = [
            ("Tuesday, November 24", "12:05 AM, 9:05 AM, 12:05 PM, 11:05 PM"),
            ("martes, 24 de noviembre", "12:05 a.m., 9:05 a.m., 12:05 p.m., 11:05 p.m."),
        ];
        assert_eq!(
            said.map(|(day, clock)| [day, clock]),
            expected.map(|(day, clock)| [day, clock].map(String::from))
        );
    }

    #[test]
    fn no_word_of_a_record_is_left_untranslated() {
        let [english, spanish] = LANGUAGES.map(Language::words);
        let pairs = |words: &super::Words| -> Vec<Pair> {
            let specialties = SpecialtyCode::ALL.iter().map(words.specialty);
            let urgencies =
                Urgency::ALL.iter().flat_map(|word| [(words.urgency)(word), (words.next_step)(word)]);
            let troubles = TROUBLES.into_iter().flat_map(|trouble| {
                [(words.trouble)(trouble), (words.closed)(trouble), (words.not_taken)(trouble)]
            });
            specialties.chain(urgencies).chain(troubles).collect()
        };
        for (here, there) in pairs(english).into_iter().zip(pairs(spanish)) {
            assert!(here.head != there.head && here.more != there.more, "{here:?} {there:?}");
        }
        for status in AppointmentStatus::ALL {
            assert_ne!((english.appointment_status)(status), (spanish.appointment_status)(status));
        }
        for status in ConsultationStatus::ALL {
            assert_ne!((english.consultation_status)(status), (spanish.consultation_status)(status));
        }
    }

    #[test]
    fn a_word_from_a_newer_server_is_not_shown_to_a_patient_as_it_came() {
        for words in LANGUAGES.map(Language::words) {
            assert!(!(words.appointment_status)(&"xyzzy".into()).contains("xyzzy"));
            assert!(!(words.consultation_status)(&"xyzzy".into()).contains("xyzzy"));
        }
    }

    #[test]
    fn where_nothing_can_be_sent_the_person_is_told_where_to_go() {
        for trouble in TROUBLES {
            assert!((Language::English.words().not_taken)(trouble).more.contains("desk"), "{trouble:?}");
            assert!((Language::Spanish.words().not_taken)(trouble).more.contains("recepción"), "{trouble:?}");
        }
    }

    #[test]
    fn a_physician_is_called_by_title_and_name() {
        let said = LANGUAGES.map(|language| {
            let words = language.words();
            [(words.doctor)("Amara Okafor"), (words.appointment_with)("Amara Okafor")]
                .map(|said| said.replace('\u{a0}', " "))
        });
        assert_eq!(
            said,
            [
                ["Dr. Amara Okafor", "With Dr. Amara Okafor"],
                ["Dr./Dra. Amara Okafor", "Con Dr./Dra. Amara Okafor"],
            ]
        );
    }

    const TROUBLES: [Trouble; 9] = [
        Trouble::WrongCode,
        Trouble::ShortCode,
        Trouble::NothingWritten,
        Trouble::TooLong,
        Trouble::NoConnection,
        Trouble::Busy,
        Trouble::SessionOver,
        Trouble::Unsure,
        Trouble::OutOfOrder,
    ];
}
