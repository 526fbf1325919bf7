//! The consultations that nobody has written in: waiting, just taken, settled by telephone, or withdrawn.

use chatehr_contract::{
    ConsultationStatus::{self, Assigned, Cancelled, Completed, Pending},
    SpecialtyCode::{self, *},
    Urgency::{self, Emergency, Routine, Urgent},
};

use super::people::{
    ADEYEMI, BRANDT, CASTILLO, HADDAD, IYER, KOWALCZYK, LINDQVIST, NGUYEN, OKAFOR, OSULLIVAN, RAHMAN, TANAKA,
    WEISS,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A consultation without messages.
pub(super) struct Brief {
    pub(super) patient: u32,
    /// Who took it, if anybody did.
    pub(super) physician: Option<u32>,
    pub(super) specialty: SpecialtyCode,
    pub(super) urgency: Urgency,
    pub(super) status: ConsultationStatus,
    /// Seconds between the request and now.
    pub(super) asked: i64,
    pub(super) description: &'static str,
    /// How it ended, in words; empty where it has not.
    pub(super) note: &'static str,
    /// Who let it go before, and why.
    pub(super) before: Before,
}

/// What happened before it came to where it is.
pub(super) enum Before {
    Nothing,
    Declined(u32, &'static str),
    HandedBack(u32, &'static str),
}
use Before::{Declined, HandedBack, Nothing};

#[rustfmt::skip] // one consultation, one line
pub(super) fn all() -> Vec<Brief> {
    vec![
        // Waiting: what a physician sees first. Every countdown but one is running.
        waiting(40, 2068, Cardiology, Emergency, "Crushing pressure behind my breastbone for 15 minutes, down my left arm, and I broke out in a cold sweat. I am 88 and have a mechanical valve. My neighbor is with me and has the phone."),
        waiting(130, 2043, Cardiology, Urgent, "My heart has been beating irregularly since I woke up, 120 to 140 on the cuff, and I get winded walking to the mailbox. I had this once in 2023 and they gave me a shock under anesthesia. I take nothing for it now."),
        waiting(5 * MINUTE + 5, 2078, Cardiology, Urgent, "I am 30 weeks pregnant and my blood pressure at the pharmacy machine was 152/98, then 149/96 ten minutes later. Slight headache, no spots before my eyes. It was 118/70 at my visit two weeks ago."),
        waiting(7 * MINUTE + 50, 2073, Cardiology, Urgent, "I nearly blacked out twice today when I stood up from the tractor. Since yesterday I take a new prostate tablet, tamsulosin, on top of hydrochlorothiazide and amlodipine. Sitting down it is 102/58."),
        waiting(11 * MINUTE + 20, 2049, Cardiology, Urgent, "My left calf is swollen and sore since I flew back from Amman three days ago, and today it hurts a little when I take a deep breath. I take the birth control pill."),
        waiting(3 * HOUR + 12 * MINUTE, 2046, Cardiology, Routine, "Rosuvastatin every other day is going well. I would like to know whether I still need the cholesterol test next month, since I had blood taken at work: LDL 84, HDL 52."),
        waiting(5 * HOUR + 40 * MINUTE, 2083, Cardiology, Routine, "My father had his first heart attack at 49 and my brother got a stent at 51. I feel fine, run twice a week and don't smoke. Which checks make sense for me?"),
        Brief { before: Declined(LINDQVIST, "I see valve patients only this week; the device clinic is Dr Okafor's."), ..waiting(9 * HOUR, 2056, Cardiology, Routine, "My mother's pacemaker is nine years old and her card says the battery should be checked every three months now. We missed one check because of her cold. She is 96 and well. Her son Aaron.") },
        waiting(26 * HOUR, 2086, Cardiology, Routine, "A sports check for my marathon license: the form asks for an ECG and a physician's signature. I had a murmur as a teenager that was called innocent."),
        waiting(3 * MINUTE + 10, 2079, PrimaryCare, Urgent, "I stepped on a rusty nail in the yard half an hour ago, it went through the sole. It bled and stopped. I don't remember my last tetanus shot."),
        waiting(6 * MINUTE + 15, 2097, Pediatrics, Urgent, "Ezra is 15 months and has vomited six times since noon and had four watery diapers. He takes small sips. His last wet diaper was five hours ago and he cries with few tears. His grandmother."),
        waiting(2 * HOUR + 25 * MINUTE, 2067, Dermatology, Routine, "Round scaly patches on my trunk for three weeks. It started with one large oval one near the shoulder. They itch a little after a hot shower. I take no medication."),
        waiting(4 * HOUR + 5 * MINUTE, 2063, Endocrinology, Routine, "My TSH was 0.02 at the student health center and they told me to ask a specialist. I have lost 9 pounds, my hands shake when I hold a cup and I am always hot."),
        waiting(7 * HOUR + 30 * MINUTE, 2060, Gastroenterology, Routine, "Bright red blood on the paper after hard stools, five times in a month. No pain in the belly, no weight loss. I sit all day. Nobody in the family with bowel cancer."),
        waiting(11 * HOUR, 2074, Neurology, Routine, "Tingling in the thumb and two fingers of my right hand at night, I shake it and it gets better. After eight hours at the wheel it comes in the daytime too."),
        waiting(19 * HOUR, 2096, Orthopedics, Routine, "Lena is 16 and runs cross-country. The front of both shins hurts after two miles and it takes a day to settle. There is one spot that is sore to touch. Her mother, Katrin."),
        waiting(22 * HOUR + 10 * MINUTE, 2069, Psychiatry, Routine, "Since my knee injury I snap at everybody and don't care about anything in the evening. I sleep four hours. I am not in danger, but I would like to talk to somebody before it gets worse."),
        waiting(30 * HOUR, 2066, Radiology, Routine, "My doctor found a lump in my thyroid and ordered an ultrasound. I wear a neck brace for arthritis, can it come off for the test and will a needle be needed the same day?"),
        // Taken, nothing written yet.
        taken(21 * MINUTE, 2071, OKAFOR, Cardiology, Urgent, "I have been out of ticagrelor for two days because of a mix-up at the mail pharmacy. My stent is ten weeks old. I still take the aspirin. No symptoms."),
        Brief { before: HandedBack(LINDQVIST, "On leave from tomorrow. Needs a Holter within the week."), ..taken(2 * DAY + 3 * HOUR, 2053, OKAFOR, Cardiology, Routine, "On propranolol my watch shows a resting pulse of 48 to 52. I feel normal, only slower on the bike. Is this too low?") },
        taken(26 * HOUR, 2076, LINDQVIST, Cardiology, Routine, "I need dental implants. My dentist asks whether my valve needs antibiotics beforehand, although I told her no."),
        taken(50 * MINUTE, 2100, CASTILLO, PrimaryCare, Urgent, "A tick was stuck behind my knee, I got it out with tweezers an hour ago. It was flat and I think it was on since yesterday evening. There is a red dot but no ring."),
        taken(14 * HOUR, 2072, NGUYEN, Endocrinology, Routine, "A1c 6.1 on my pre-op blood work before the knee. Nobody has told me what to do about it. My mother had diabetes."),
        taken(9 * HOUR, 2061, ADEYEMI, Gastroenterology, Routine, "Both children had the celiac blood test. The elder is negative, the younger has a tTG of 45. She is five and has no complaints."),
        taken(31 * HOUR, 2070, WEISS, Dermatology, Routine, "My hair still comes out in handfuls although I feel better with the iron. No bald spots, but I can see my scalp at the parting."),
        taken(35 * MINUTE, 2065, OSULLIVAN, Oncology, Urgent, "My bone density report arrived and says T-score minus 2.9 at the hip. I have had pain in the middle of my back since I lifted a bucket on the weekend."),
        taken(17 * HOUR, 2042, IYER, Radiology, Routine, "I am to have a CT with contrast and I take furosemide and losartan. The leaflet says to ask about my kidneys. My last creatinine was 1.3."),
        // Settled by telephone.
        settled(23 * DAY, 2090, HADDAD, Pediatrics, Urgent, "Ava has had a barking cough since midnight and makes a noise when she breathes in while she cries. Quiet she breathes normally. 100.0 °F.", "Telephone visit: mild croup. Single dose of dexamethasone dispensed, cool air, return precautions understood."),
        settled(18 * DAY, 2099, KOWALCZYK, Neurology, Routine, "My father's handwriting has become so small that the bank sent a check back. May he use a signature stamp, and is there an exercise?", "Telephone visit: micrographia. Occupational therapy referral for large-amplitude writing; letter for the bank sent."),
        settled(27 * DAY, 2081, NGUYEN, Endocrinology, Routine, "My insurance no longer pays for my test strips and offers another meter. Can I switch, and will you send the prescription?", "Telephone visit: meter and strips changed, prescription sent, shown how to set the clock."),
        // Withdrawn.
        withdrawn(2 * DAY, 2087, None, Cardiology, Routine, "Can I have a letter for the gym so that they freeze my membership for three months?", "Front desk: patient found the letter in the portal."),
        withdrawn(4 * DAY, 2082, None, PrimaryCare, Urgent, "Fever of 101 and aching all over since yesterday. My wife had the flu last week.", "Patient called: seen at the urgent care near his work, oseltamivir started."),
        withdrawn(8 * DAY, 2084, Some(BRANDT), Psychiatry, Routine, "Could I get melatonin on prescription so that insurance pays for it?", "Patient withdrew: wishes to go on with the sleep program alone."),
        withdrawn(9 * DAY, 2075, None, Radiology, Routine, "I would like to cancel the MRI, I can't do it.", "Duplicate: patient's question is being answered in her other consultation."),
        withdrawn(13 * DAY, 2085, Some(OKAFOR), Cardiology, Routine, "Please renew metoprolol 50 mg for three months.", "Renewed at the visit on the same day."),
        withdrawn(16 * DAY, 2045, None, Dermatology, Routine, "Sunburn with blisters on both shoulders, what can I put on it?", "Patient called: healed with cool compresses."),
        withdrawn(21 * DAY, 2048, Some(RAHMAN), Pulmonology, Routine, "I have a cold with a cough for a week, do I need an X-ray?", "Patient withdrew: cough is better, will write again if it stays."),
        withdrawn(25 * DAY, 2073, Some(TANAKA), Orthopedics, Routine, "My shoulder clicks when I throw hay. It does not hurt.", "Patient withdrew: no complaints any more."),
    ]
}

fn waiting(
    asked: i64,
    patient: u32,
    specialty: SpecialtyCode,
    urgency: Urgency,
    description: &'static str,
) -> Brief {
    let (physician, status, note, before) = (None, Pending, "", Nothing);
    Brief { patient, physician, specialty, urgency, status, asked, description, note, before }
}

fn taken(
    asked: i64,
    patient: u32,
    physician: u32,
    specialty: SpecialtyCode,
    urgency: Urgency,
    description: &'static str,
) -> Brief {
    let physician = Some(physician);
    Brief { physician, status: Assigned, ..waiting(asked, patient, specialty, urgency, description) }
}

fn settled(
    asked: i64,
    patient: u32,
    physician: u32,
    specialty: SpecialtyCode,
    urgency: Urgency,
    description: &'static str,
    note: &'static str,
) -> Brief {
    Brief { status: Completed, note, ..taken(asked, patient, physician, specialty, urgency, description) }
}

fn withdrawn(
    asked: i64,
    patient: u32,
    physician: Option<u32>,
    specialty: SpecialtyCode,
    urgency: Urgency,
    description: &'static str,
    note: &'static str,
) -> Brief {
    Brief { physician, status: Cancelled, note, ..waiting(asked, patient, specialty, urgency, description) }
}
