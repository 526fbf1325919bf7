//! Pediatrics: a parent writes.

use chatehr_contract::{
    ConsultationStatus::{Assigned, Completed},
    SpecialtyCode::Pediatrics,
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{HADDAD, WHITFIELD};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2089,
        physician: HADDAD,
        specialty: Pediatrics,
        urgency: Urgent,
        status: Completed,
        ended: 4 * DAY + 2 * HOUR,
        description: "Mateo is six months old and had his vaccines yesterday. Tonight he is 101.2 °F rectal, cranky, and his thigh is red where the shot was. He still nurses. He weighs 17 pounds. Paola, his mother.",
        note: "Fever and local reaction after routine vaccines, settled within 36 hours. No restriction for the next doses.",
        lines: &[
            d(
                3,
                "Hello Paola. When you pick him up, does he settle and look at you? How many wet diapers since noon? Any rash, or a cry that sounds unlike him?",
            ),
            p(5, "He settles on me and smiled at the cat. Four wet diapers. No rash, his normal angry cry."),
            d(
                2,
                "Those are good answers. This is his defense learning, and it usually lasts a day or two. You may give acetaminophen 160 mg per 5 mL: 2.5 mL by mouth, every six hours if he is uncomfortable, at most four times a day. A cool cloth on the thigh.",
            ),
            p(3, "2.5 mL with the syringe. I have ibuprofen for babies too, can I alternate?"),
            d(
                2,
                "Please keep to one, it prevents mix-ups at 3 in the morning. No aspirin ever. Call us at once, or 911 if he is limp, for: above 104 °F, fewer than three wet diapers in 12 hours, or if you cannot wake or console him.",
            ),
            p(
                9 * HOUR,
                "99.6 this morning, he slept five hours. The red spot is the size of a quarter and a bit hard.",
            ),
            d(2 * HOUR, "Just as it should be. The hard spot can stay for two weeks like a small pea."),
            p(DAY, "No fever all day and he is eating his sock. Thank you for answering in the night!"),
        ],
    },
    Thread {
        patient: 2095,
        physician: HADDAD,
        specialty: Pediatrics,
        urgency: Routine,
        status: Completed,
        ended: 10 * DAY + 4 * HOUR,
        description: "Jayden is 14 and has asthma. Since basketball season began he uses his albuterol four or five times a week and coughs at night twice a week. He has fluticasone 44 but I find it full in his bag. His dad.",
        note: "Asthma not controlled because of missed controller doses. Budesonide-formoterol as controller and reliever; control test 22 of 25 after five weeks.",
        lines: &[
            d(
                80,
                "Hello Mr Robinson. Albuterol four times a week and coughing at night means the asthma is not controlled; the full inhaler explains why. May I ask Jayden himself: what gets in the way?",
            ),
            p(
                4 * HOUR,
                "Hi this is Jayden. I forget and it tastes weird and it doesn't do anything when I take it.",
            ),
            d(
                15,
                "Thank you, that is an honest answer and a fair point: you can't feel a controller work. There is one inhaler that does both: budesonide-formoterol, two puffs at night next to your toothbrush, and one puff when you need relief. You would feel it within minutes. Would you use that?",
            ),
            p(20, "Just one inhaler? Yeah I'd do that."),
            d(
                25,
                "Deal. Spacer always, rinse and spit after. One puff 15 minutes before practice. No more than eight puffs in a day. If you need more than four, tell your dad and write to me.",
            ),
            p(
                14 * DAY,
                "Dad again. Used before practice and at night, by the toothbrush, works. One night cough in two weeks.",
            ),
            d(6 * HOUR, "Lovely. Does the school nurse have one and the yellow action plan?"),
            p(DAY + 3 * HOUR, "Coach has one, the nurse has the plan."),
            d(20 * DAY, "Five weeks in: please do the five-question control test in the portal, Jayden."),
            p(7 * HOUR, "22 out of 25. Also we won."),
        ],
    },
    Thread {
        patient: 2093,
        physician: WHITFIELD,
        specialty: Pediatrics,
        urgency: Urgent,
        status: Assigned,
        ended: 13,
        description: "Zainab is eight. Her tummy has hurt since last night, first around the belly button and now more to the right and low down. She does not want breakfast and threw up once. 100.2 °F. Her mother, Nadia.",
        note: "",
        lines: &[
            d(
                2,
                "Hello Nadia. Pain that moves to the lower right makes me think of the appendix, so let us be quick. Can she hop on her right foot, and does the car ride or coughing hurt?",
            ),
            p(4, "She hopped once and held her side and said no more. Coughing hurts too."),
            d(
                1,
                "Then she needs to be examined now, not later today. Please go to the children's emergency department at Riverside General; I am calling them so that they expect her. Nothing to eat or drink from this moment.",
            ),
            p(
                3,
                "We are putting shoes on. She asks for water, can she have a sip? Can I give her acetaminophen?",
            ),
            d(
                1,
                "Wet her lips only, in case they operate. You may leave the medicine, they will give her something for the pain as soon as she arrives. Any allergy, any operation before, how much does she weigh?",
            ),
            p(3, "No allergies, tonsils at five without problems, 57 pounds."),
            d(
                1,
                "I have told the surgeon on duty all that. If she becomes pale, floppy or suddenly screams with pain on the way, stop and call 911.",
            ),
            p(
                14,
                "We are here, they took her straight in for an ultrasound. She wants to know if she can keep the appendix in a jar.",
            ),
        ],
    },
];
