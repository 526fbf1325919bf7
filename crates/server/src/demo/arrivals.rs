//! Who asks next while the demonstration runs: a fixed round of requests, so that a walk-through repeats.

use chatehr_contract::{
    SpecialtyCode::{self, *},
    Urgency::{self, Emergency, Routine, Urgent},
};

use super::people::patient_id;

/// A request of live mode.
pub(crate) struct Arrival {
    /// Who asks.
    pub(crate) patient_id: chatehr_contract::PersonId,
    /// Which pool it belongs to.
    pub(crate) specialty: SpecialtyCode,
    /// How soon.
    pub(crate) urgency: Urgency,
    /// The patient's words.
    pub(crate) description: String,
}

/// Patient, specialty, urgency, the patient's words.
type Row = (u32, SpecialtyCode, Urgency, &'static str);

#[rustfmt::skip] // one request, one line
const FIRST: Row =
    (2064, Cardiology, Urgent, "Tightness across my chest when I carried the groceries up two floors, about ten minutes ago. It went away after I sat for five minutes. This is the second time this week. I take amlodipine and I smoke half a pack a day.");

#[rustfmt::skip] // one request, one line
pub(super) const ARRIVALS: &[Row] = &[
    FIRST,
    (2060, PrimaryCare, Routine, "I need a refill of my cetirizine and a form signed for my new job at a daycare. I also want to ask about the hepatitis B vaccine."),
    (2084, Cardiology, Routine, "My home blood pressure has been around 145/90 in the mornings for two weeks, although I take hydrochlorothiazide 25 mg. In the evening it is 130/80. Should the dose be at another time of day?"),
    (2054, PrimaryCare, Urgent, "Since last night I have a fever of 102 °F, chills and pain on the right side of my back. It burns when I urinate. I can drink but I feel sick."),
    (2056, Cardiology, Urgent, "My mother is 96. Both her legs are swollen to the knee since two days and today one of them is weeping clear fluid. She is breathing as always. She takes furosemide 20 mg. Written by her son."),
    (2045, Cardiology, Routine, "My watch flagged possible atrial fibrillation twice last week while I was asleep. I feel well and exercise daily. I can send the two tracings. How reliable is it?"),
    (2090, Pediatrics, Urgent, "Ava pulls at her left ear since this afternoon, 101.5 °F, and cried through her nap. She drinks. She had a rash from amoxicillin last year. Her mom."),
    (2086, PrimaryCare, Routine, "I travel to Kenya and Tanzania in seven weeks for three weeks. Which vaccines and malaria tablets do I need? I had yellow fever in 2019."),
    (2041, Cardiology, Routine, "Thank you for the ECG. One more question when you have time: may I go on with my aqua gymnastics twice a week while we wait for the result?"),
    (2063, Cardiology, Urgent, "My heart skips and then thumps hard, maybe thirty times an hour since yesterday evening. I feel a bit dizzy with it. I sleep badly before my exams and drink three energy drinks a day."),
    (2078, PrimaryCare, Routine, "Itchy red patches in both elbow creases come back every winter. I used hydrocortisone 1% for a week and it helps only a little. I am 30 weeks pregnant. What else can I use?"),
    (2080, Cardiology, Emergency, "I woke up fighting for air and cannot lie down. I am coughing pink foam and my lips look blue in the mirror. My wife is with me."),
    (2067, PrimaryCare, Urgent, "I cut my palm on a broken glass an hour ago. It stopped bleeding with pressure but it gapes about an inch. I can move all the fingers. My last tetanus shot was in high school."),
    (2051, Cardiology, Urgent, "The pharmacy gave my mother a yellow tablet where her blood thinner was pink before. The label says apixaban 2.5, she has always had 5. Is this the change you spoke of or a mistake? Her evening dose is due now. Ingrid, for Åse."),
    (2098, Pediatrics, Routine, "Seo-yeon is nine and wets the bed two or three nights a week again since we moved house. She was dry since she was five. She is embarrassed about a sleepover. Her father."),
    (2055, Cardiology, Routine, "I would like to visit my sister in Ahmedabad four months after my stent. May I fly 16 hours, and how do I carry my tablets across the time zones?"),
    (2061, Neurology, Urgent, "Since I woke up the right side of my face droops and I cannot close the right eye. My arms and legs are normal and my speech is clear. The ear on that side hurts a little."),
    (2070, PrimaryCare, Routine, "I finished three months of iron tablets. Do I need the blood test before my appointment, and do I stop the tablets before it?"),
    (2059, Cardiology, Urgent, "A small black spot has appeared on the tip of my right second toe since two days, the size of a lentil. It does not hurt much. This is the leg with the bad circulation."),
    (2092, Pediatrics, Emergency, "Liam ate a cookie with peanuts ten minutes ago. He has hives all over, his voice is hoarse and he is wheezing. We have just given him his EpiPen and called 911. What next?"),
    (2082, PrimaryCare, Routine, "My ring finger gets stuck bent in the morning and snaps open with a click. It has been six weeks. I play the cello. Can it be treated without surgery?"),
    (2074, Cardiology, Routine, "The home sleep test came back: 32 breathing stops an hour. Does this matter for my heart and for my truck license, and who arranges the mask?"),
    (2087, PrimaryCare, Urgent, "A red streak is moving up my forearm from a thorn scratch I got two days ago in the garden. It was at the wrist this morning and now it is halfway to the elbow. 100.6 °F."),
    (2071, Cardiology, Emergency, "Heavy pressure in the middle of my chest for 20 minutes, going into my left arm, and I am sweating. I have taken one spray of nitroglycerin and it is not better. It feels like my heart attack did."),
    (2053, PrimaryCare, Routine, "I found a pea-sized lump in my left breast in the shower. It moves and is a little tender. My period is due in three days. How soon should it be looked at?"),
    (2057, Cardiology, Routine, "Two weeks on the new water tablet: pressure is 124/78 on average. I got a cramp in my calf on two nights. Could that be from the tablet?"),
];

/// The n-th request of live mode; after the last comes the first again.
pub(crate) fn arrival(n: u32) -> Arrival {
    let place = usize::try_from(n).unwrap_or_default() % ARRIVALS.len();
    let (patient, specialty, urgency, description) = ARRIVALS.get(place).cloned().unwrap_or(FIRST);
    Arrival { patient_id: patient_id(patient), specialty, urgency, description: description.to_owned() }
}
