//! Where the patient is and what may happen next: one value, one pure function.
//!
//! Promises: nothing is sent that was not reviewed; an emergency always passes "tell staff now, or call 911"; the
//! same request is sent under one name however often Send is pressed; a reset leaves nothing of the person, and an
//! answer that comes after it changes nothing. Refuses: clocks, randomness, the page and the host: those come in as
//! an [`Input`] and go out as an [`Ask`].

mod step;
#[cfg(test)]
mod tests;

use chatehr_contract::{
    EnvelopeId, ErrorCode, ErrorReport, KioskAppointment, KioskMessage, KioskPerson, KioskReceipt,
    KioskRequest, KioskSignIn, KioskState, SpecialtyCode, Urgency,
};

pub(crate) use step::step;

/// Digits in the code from staff.
pub(crate) const CODE_DIGITS: usize = 6;
/// Seconds between two looks at whether the kiosk can be used.
const LOOK_EVERY: u32 = 10;

/// The languages of the kiosk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Spanish,
}

/// Whether requests can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Not told yet.
    Unknown,
    /// They can.
    Open,
    /// They cannot, and why.
    Closed(ErrorCode),
}

/// What belongs to the kiosk and not to the person at it, so a reset keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct House {
    pub(crate) readiness: Readiness,
    /// Seconds without a touch until the warning.
    pub(crate) warn_after: u32,
    /// Seconds from the warning to the reset.
    pub(crate) reset_after: u32,
    /// The host has not yet confirmed that it forgot the last person; nobody may start before.
    pub(crate) owes_finish: bool,
    /// Seconds since the last look.
    pub(crate) since_look: u32,
}

/// What a patient does not get past, in kinds that have words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    WrongCode,
    ShortCode,
    NothingWritten,
    TooLong,
    NoConnection,
    Busy,
    SessionOver,
    /// The request may have been filed; nobody knows yet.
    Unsure,
    OutOfOrder,
}

/// A trouble with the code that support asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) trouble: Trouble,
    pub(crate) code: ErrorCode,
}

/// The request while it is being made.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) specialty: Option<SpecialtyCode>,
    pub(crate) urgency: Option<Urgency>,
    pub(crate) description: String,
    /// Its name, from the first press of Send until its content changes.
    pub(crate) request_id: Option<EnvelopeId>,
    /// One answer is being changed from the review, which comes next again.
    pub(crate) changing: bool,
}

/// Something read from the host.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Reading<T> {
    Waiting,
    Here(T),
    Failed(Notice),
}

/// The answers that can be changed from the review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    About,
    HowSoon,
    Describe,
}

/// What is on the screen.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Screen {
    Start,
    SignIn {
        code: String,
        waiting: bool,
        notice: Option<Notice>,
    },
    Menu,
    About,
    HowSoon,
    /// "Tell a member of staff now, or call 911".
    Emergency,
    Describe {
        notice: Option<Notice>,
    },
    Review {
        sending: bool,
        notice: Option<Notice>,
    },
    Receipt(KioskReceipt),
    Appointments(Reading<Vec<KioskAppointment>>),
    Messages(Reading<Vec<KioskMessage>>),
}

/// Everything the window knows. No `Debug`: nearly all of it is the patient's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) house: House,
    /// Counts the resets, so that an answer finds out whether it still has an asker.
    pub(crate) visit: u32,
    pub(crate) language: Language,
    /// Whether the text is a step larger.
    pub(crate) large: bool,
    /// Seconds since the last touch.
    pub(crate) still: u32,
    pub(crate) person: Option<KioskPerson>,
    pub(crate) draft: Draft,
    /// "Erase what you wrote?" stands over the screen.
    pub(crate) asks_to_start_over: bool,
    pub(crate) screen: Screen,
}

/// What a person wants on the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Request,
    Appointments,
    Messages,
}

/// Everything that can happen to the window. `Debug` in tests only: it holds what the patient types.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Input {
    Begin,
    Speak(Language),
    Enlarge(bool),
    /// What the code's field holds now.
    Code(String),
    /// A key of the number pad.
    Digit(char),
    /// The pad's way back.
    Rub,
    SignIn,
    Need(Need),
    About(SpecialtyCode),
    HowSoon(Urgency),
    /// "I have told staff".
    ToldStaff,
    Describe(String),
    /// From the description to the review.
    Review,
    Change(Step),
    /// Send what is reviewed; a fresh id, used if this request has none yet.
    Send(EnvelopeId),
    /// Read the appointments or messages again.
    ReadAgain,
    Back,
    StartOver,
    /// Answer to "Erase what you wrote?".
    StartOverAnswered(bool),
    /// Done: forget everything.
    Finish,
    Touched,
    StillHere,
    /// So many seconds went by.
    Passed(u32),
    /// The host's answer to an [`Ask`] of a visit.
    Answered(u32, Answer),
}

/// What the host is asked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Look,
    Finish,
    SignIn(KioskSignIn),
    Send(KioskRequest),
    Appointments,
    Messages,
}

/// What the host says.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Answer {
    Looked(Result<KioskState, ErrorReport>),
    Finished(Result<(), ErrorReport>),
    SignedIn(Result<KioskPerson, ErrorReport>),
    Sent(Result<KioskReceipt, ErrorReport>),
    Appointments(Result<Vec<KioskAppointment>, ErrorReport>),
    Messages(Result<Vec<KioskMessage>, ErrorReport>),
}

impl Default for House {
    fn default() -> Self {
        Self {
            readiness: Readiness::Unknown,
            warn_after: 60,
            reset_after: 20,
            owes_finish: false,
            since_look: 0,
        }
    }
}

impl Flow {
    /// Nobody is here.
    pub(crate) fn fresh(house: House, visit: u32) -> Self {
        Self {
            house,
            visit,
            language: Language::default(),
            large: false,
            still: 0,
            person: None,
            draft: Draft::default(),
            asks_to_start_over: false,
            screen: Screen::Start,
        }
    }

    /// Whether the next person may start.
    pub(crate) fn is_ready(&self) -> bool {
        self.house.readiness == Readiness::Open && !self.house.owes_finish
    }

    /// Seconds left to say "I'm still here", once the warning stands.
    pub(crate) fn warning(&self) -> Option<u32> {
        let over = self.still.checked_sub(self.house.warn_after)?;
        (self.screen != Screen::Start).then(|| self.house.reset_after.saturating_sub(over))
    }

    /// What went wrong on the screen at hand.
    pub(crate) const fn trouble(&self) -> Option<Trouble> {
        match &self.screen {
            Screen::SignIn { notice: Some(notice), .. }
            | Screen::Describe { notice: Some(notice) }
            | Screen::Review { notice: Some(notice), .. } => Some(notice.trouble),
            _ => None,
        }
    }

    /// Which of the five steps is on the screen: three questions, the review, the receipt.
    pub(crate) fn progress(&self) -> Option<usize> {
        match self.screen {
            Screen::About => Some(1),
            Screen::HowSoon | Screen::Emergency => Some(2),
            Screen::Describe { .. } => Some(3),
            Screen::Review { .. } => Some(4),
            Screen::Receipt(_) => Some(5),
            _ => None,
        }
    }
}

impl Draft {
    /// The three answers, once all are given.
    pub(crate) fn answers(&self) -> Option<(&SpecialtyCode, &Urgency, &str)> {
        let description = self.description.trim();
        let fits =
            !description.is_empty() && description.chars().count() <= chatehr_contract::MAX_DESCRIPTION_CHARS;
        fits.then_some((self.specialty.as_ref()?, self.urgency.as_ref()?, description))
    }
}

impl Notice {
    /// What an error means to the person at the kiosk.
    pub(crate) fn of(error: &ErrorReport) -> Self {
        Self { trouble: Trouble::of(error.code), code: error.code }
    }
}

impl Trouble {
    /// Whether the kiosk asks again by itself, as soon as the clinic's system answers.
    pub(crate) const fn may_pass(self) -> bool {
        matches!(self, Self::NoConnection | Self::Busy | Self::Unsure | Self::OutOfOrder)
    }

    /// What a code means to the person at the kiosk.
    pub(crate) fn of(code: ErrorCode) -> Self {
        use ErrorCode as C;
        match code {
            C::SignInRefused => Self::WrongCode,
            C::ServerUnreachable | C::ServerTimeout | C::NeedsConnection => Self::NoConnection,
            C::RateLimited => Self::Busy,
            C::SignedOut | C::Forbidden => Self::SessionOver,
            C::MayHaveHappened => Self::Unsure,
            _ => Self::OutOfOrder,
        }
    }
}
