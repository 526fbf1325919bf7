//! English, plain enough for a person in pain.

use chatehr_contract::{AppointmentStatus, ConsultationStatus, SpecialtyCode, Urgency};
use chatehr_ui::time::Local;

use super::{Pair, Words, name_of, pair, twelve_hours};
use crate::flow::Trouble;

pub(super) const WORDS: Words = Words {
    tag: "en-US",
    name: "English",
    text_normal: "Normal text",
    text_large: "Larger text",
    language_label: "Language",
    text_size_label: "Text size",

    welcome: "Welcome",
    purpose: "Ask a doctor for help, or see your appointments and messages.",
    touch_to_start: "Touch to start",
    one_moment: "One moment…",
    in_danger: "If it is an emergency, tell a member of staff now, or call 911.",
    closed: |trouble| match trouble {
        Trouble::NoConnection | Trouble::Busy => {
            pair("This kiosk has no connection", "It cannot take requests now. Please go to the desk.")
        }
        _ => pair("This kiosk is out of order", "It cannot take requests now. Please go to the desk."),
    },

    code: pair("Enter your code", "Staff at the desk gave you a code of six digits."),
    code_label: "Six-digit code",
    show_code: "Show code",
    number_pad: "Number pad",
    rub: "Delete the last digit",
    sign_in: "Continue",
    signing_in: "Checking your code…",

    hello: |name| if name.is_empty() { "Hello".to_owned() } else { format!("Hello, {name}") },
    need: "What do you need?",
    need_request: pair("Ask for a doctor", "Tell us what is wrong. A doctor reads it."),
    need_appointments: pair("My appointments", "When you come next, and whom you see."),
    need_messages: pair("My messages", "What your doctors wrote to you."),
    not_you: |name| format!("Not {name}? Touch Finish and tell the staff."),
    finish: "Finish",

    progress: |step| format!("Step {step} of 5"),
    not_sent: "Nothing is sent yet",
    back: "Back",
    start_over: "Start over",
    erase: pair("Start over?", "What you wrote for this request will be erased."),
    erase_yes: "Erase and start over",
    erase_no: "Keep what I wrote",

    about: pair("What is it about?", "Choose what fits best. If you are not sure, choose the first one."),
    specialty: |code| match code {
        SpecialtyCode::PrimaryCare => pair("Anything else, or not sure", "Primary care"),
        SpecialtyCode::Cardiology => pair("Heart and blood pressure", "Cardiology"),
        SpecialtyCode::Dermatology => pair("Skin, hair and nails", "Dermatology"),
        SpecialtyCode::Endocrinology => pair("Diabetes, thyroid, hormones", "Endocrinology"),
        SpecialtyCode::Gastroenterology => pair("Stomach, bowel and liver", "Gastroenterology"),
        SpecialtyCode::Neurology => pair("Head, nerves and brain", "Neurology"),
        SpecialtyCode::Oncology => pair("Cancer care", "Oncology"),
        SpecialtyCode::Orthopedics => pair("Bones, joints and muscles", "Orthopedics"),
        SpecialtyCode::Pediatrics => pair("Children and teenagers", "Pediatrics"),
        SpecialtyCode::Psychiatry => pair("Mood, sleep, mental health", "Psychiatry"),
        SpecialtyCode::Pulmonology => pair("Lungs and breathing", "Pulmonology"),
        SpecialtyCode::Radiology => pair("X-rays and scans", "Radiology"),
        SpecialtyCode::Other(_) => pair("Another field", "Specialist"),
    },
    how_soon: pair(
        "How soon do you need help?",
        "Your answer is read by a doctor. You can change it before sending.",
    ),
    urgency: |urgency| match urgency {
        Urgency::Emergency => pair(
            "It is an emergency",
            "Chest pain, trouble breathing, heavy bleeding. We show you what to do now.",
        ),
        Urgency::Urgent | Urgency::Other(_) => pair(
            "Today, please",
            "It is getting worse, or I am worried. A doctor answers as soon as one is free.",
        ),
        Urgency::Routine => pair("It can wait", "A question, a prescription, a result. No hurry."),
    },
    emergency: pair(
        "Tell a member of staff now, or call 911",
        "Do not wait for an answer on this screen. Speak to the nearest member of staff, or ask somebody near you to do it.",
    ),
    emergency_signs: "Chest pain, trouble breathing, heavy bleeding, a face or arm that goes weak, thoughts of ending your life: these need a person at your side now.",
    told_staff: "I have told staff: continue",
    go_back: "Go back",
    describe: pair("Tell us what is wrong", "Write it in your own words. A doctor reads exactly this."),
    describe_label: "What is wrong",
    examples_head: "It helps to say",
    examples: [
        "what you feel, and where",
        "when it began, and whether it is getting worse",
        "what medicines you take, and any allergies",
    ],
    left: |count| match count {
        1 => "1 character left".to_owned(),
        count => format!("{count} characters left"),
    },
    over: |count| match count {
        1 => "1 character too many".to_owned(),
        count => format!("{count} characters too many"),
    },
    next: "Next: check it",
    review: pair("Is everything right?", "Nothing is sent until you touch “Send now”."),
    review_about: "What it is about",
    review_how_soon: "How soon",
    review_describe: "What is wrong",
    change: "Change",
    send: "Send now",
    sending: "Sending…",
    receipt: "We have your request",
    next_step: |urgency| match urgency {
        Urgency::Emergency => pair(
            "Stay where staff can see you",
            "A doctor is being alerted now. If it gets worse, tell a member of staff or call 911 at once.",
        ),
        Urgency::Urgent | Urgency::Other(_) => pair(
            "Please stay in the clinic",
            "A doctor answers as soon as one is free. If it gets worse, tell a member of staff at once.",
        ),
        Urgency::Routine => pair(
            "You do not need to wait here",
            "A doctor will read your request. You find the answer here under My messages, or ask at the desk.",
        ),
    },
    reference: "Reference",
    received: "Received",
    more: "I need something else",

    appointments: "My appointments",
    no_appointments: pair("You have no appointments coming up", "The desk can make one for you."),
    doctor,
    appointment_with: |name| format!("With {}", doctor(name)),
    appointment_alone: "Ask at the desk whom you will see",
    minutes: |count| match count {
        1 => "1 minute".to_owned(),
        count => format!("{count} minutes"),
    },
    appointment_status: |status| match status {
        AppointmentStatus::Proposed => "Suggested",
        AppointmentStatus::Pending => "Not confirmed yet",
        AppointmentStatus::Booked => "Booked",
        AppointmentStatus::Arrived => "You are checked in",
        AppointmentStatus::Fulfilled => "Took place",
        AppointmentStatus::Cancelled => "Cancelled",
        AppointmentStatus::NoShow => "Missed",
        AppointmentStatus::Other(_) => "Ask at the desk",
    },
    messages: "My messages",
    no_messages: pair("You have no messages", "When a doctor writes to you, it appears here."),
    consultation_status: |status| match status {
        ConsultationStatus::Pending => "Waiting for a doctor",
        ConsultationStatus::Assigned => "A doctor has taken it",
        ConsultationStatus::InProgress => "A doctor is working on it",
        ConsultationStatus::Completed => "Finished",
        ConsultationStatus::Cancelled => "Cancelled",
        ConsultationStatus::Other(_) => "Ask at the desk",
    },
    you: "You",
    clinic: "The clinic",
    sealed: "This message is sealed and cannot be opened at this kiosk. Ask at the desk.",
    unreadable: "This message is damaged and cannot be shown. Ask at the desk.",
    reading: "One moment, we are looking…",
    try_again: "Try again",

    trouble,
    not_taken: |trouble| match trouble {
        Trouble::Busy => pair(
            "Your request could not be sent",
            "What you wrote is still here. Try again in a moment, or go to the desk.",
        ),
        Trouble::SessionOver => pair(
            "Your time with this code is over, and your request may not have been sent",
            "Please go to the desk. They can help you at once or give you a new code.",
        ),
        Trouble::NoConnection => pair(
            "Your request has not been sent yet",
            "There is no connection. This kiosk tries again by itself while you are here. If you cannot wait, go to the desk.",
        ),
        // A repeat has the same name and counts once; another request would count twice.
        Trouble::Unsure => pair(
            "Your request may have arrived",
            "The answer was lost. This kiosk keeps asking while you are here; it will not count twice. If you cannot wait, go to the desk and say so.",
        ),
        _ => pair(
            "Your request has not been sent",
            "What you wrote is still here. This kiosk tries again by itself, or you can go to the desk.",
        ),
    },
    support_code: |code| format!("For staff: {code}"),

    still_there: "Are you still there?",
    still_there_more: "To protect your privacy, this screen will be cleared.",
    still_there_sent: "Your request was sent. To protect your privacy, this screen will be cleared.",
    still_here: "I’m still here",
    seconds: "seconds",

    day: |at: Local| {
        let day = name_of(&DAYS, Some(at.weekday));
        let month = name_of(&MONTHS, at.month.checked_sub(1));
        format!("{day}, {month} {}", at.day)
    },
    clock: |at: Local| twelve_hours(at, "AM", "PM"),
};

fn doctor(name: &str) -> String {
    format!("Dr.\u{a0}{name}")
}

fn trouble(trouble: Trouble) -> Pair {
    match trouble {
        Trouble::WrongCode => pair(
            "That code does not work",
            "Check the six digits and enter them again. If it still does not work, ask staff for a new code.",
        ),
        Trouble::ShortCode => pair("The code has six digits", "Enter the digits that are missing."),
        Trouble::NothingWritten => {
            pair("Nothing is written yet", "Write a few words about what is wrong, then touch Next.")
        }
        Trouble::TooLong => pair("This is too long to send", "Please make it shorter, then touch Next."),
        Trouble::NoConnection => pair("There is no connection", "Try again in a moment, or go to the desk."),
        Trouble::Unsure => {
            pair("Nobody knows yet whether this has arrived", "Wait a moment, or go to the desk.")
        }
        Trouble::Busy => {
            pair("The clinic’s system is very busy", "Wait a minute and try again, or go to the desk.")
        }
        Trouble::SessionOver => {
            pair("Your time with this code is over", "Touch Finish, and ask staff for a new code.")
        }
        Trouble::OutOfOrder => pair("Something went wrong on our side", "Try again, or go to the desk."),
    }
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
