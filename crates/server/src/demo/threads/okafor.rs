//! Dr Okafor's open threads: what she sees when she signs in.

use chatehr_contract::{
    ConsultationStatus::{Assigned, InProgress},
    SpecialtyCode::Cardiology,
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::OKAFOR;

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2041,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: InProgress,
        ended: 9,
        description: "Since yesterday my heart races for a few minutes at a time, six times so far, mostly when I lie down. My home monitor said 148/92 with a pulse of 132 during one of them. I feel a little breathless while it lasts but I have not fainted. I take lisinopril 10 mg.",
        note: "Palpitations after pseudoephedrine, likely atrial ectopy or fibrillation. Decongestant stopped, walk-in ECG today.",
        lines: &[
            d(
                3,
                "Hello Ms Szymańska, this is Dr Okafor. I have read your note. Are you having one of these episodes right now, and have you had any chest pain with them?",
            ),
            p(
                4,
                "Not right now. No pain, more like a bird fluttering in my chest. The last one was about an hour ago and lasted maybe five minutes.",
            ),
            d(
                2,
                "Thank you, that helps. When it happens, is the beat fast and regular, like a clock, or fast and jumbled?",
            ),
            p(5, "Jumbled, I think. My husband felt my wrist and said he could not find the rhythm."),
            d(
                3,
                "Then I would like an ECG today, ideally while it is happening. Please come to the cardiology desk on the second floor any time before 5; no appointment needed, I have told them your name. Two questions meanwhile: how much coffee or alcohol yesterday, and are you taking anything new, including cold remedies?",
            ),
            p(
                8,
                "Two coffees, no wine. But I did start a decongestant three days ago for my sinuses, the kind with pseudoephedrine. Could that be it?",
            ),
            d(
                3,
                "It could well be part of it: pseudoephedrine raises both the pulse and the blood pressure. Please stop it now and use saline spray instead. Keep the lisinopril as it is. I also see penicillin on your allergy list, so if the sinuses get worse, call us rather than taking an old antibiotic from the cupboard.",
            ),
            p(6, "I stopped it. I do not keep old antibiotics, the rash was enough for one life."),
            d(
                2,
                "Good. If you have chest pain, faint, or one of these lasts longer than 20 minutes, call 911 and do not drive yourself. Otherwise I will see your ECG as soon as it is recorded.",
            ),
            p(
                21,
                "I am in the waiting room on the second floor. It started again on the stairs, pulse 128 on my watch. Should I tell the nurse?",
            ),
        ],
    },
    Thread {
        patient: 2042,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: InProgress,
        ended: 34,
        description: "I have heart failure and my weight has gone up 5 pounds in three days. My ankles are tight by the evening and last night I slept with three pillows. I take furosemide 40 mg in the morning, carvedilol 12.5 mg twice a day and losartan 50 mg.",
        note: "Decompensated heart failure after salt load. Furosemide 40 mg twice daily for three days; potassium 4.3, creatinine 1.3.",
        lines: &[
            d(
                5,
                "Mr Whitaker, thank you for telling us early, this is exactly what the scale is for. Are you short of breath sitting still, or only lying flat and on the stairs?",
            ),
            p(
                11,
                "Lying flat and on the stairs. Sitting in my chair I am fine and I can talk on the phone without stopping.",
            ),
            d(
                4,
                "Good. What were your blood pressure and pulse this morning, and is there anything new to eat or take? Canned soup, ibuprofen, a restaurant meal?",
            ),
            p(
                16,
                "118/70, pulse 74. My grandson was here for the weekend, so yes, pizza twice. No ibuprofen, you warned me about that one.",
            ),
            d(
                6,
                "That is a lot of salt, and it explains the water. Please take furosemide 40 mg twice a day for three days: one now, one at 2 in the afternoon, so that it does not keep you up. Weigh yourself each morning before breakfast and write it to me here. Keep the other tablets the same.",
            ),
            p(9, "Twice a day for three days, second one at 2. Do I need extra potassium?"),
            d(
                5,
                "Not yet. Losartan holds on to potassium, so I would rather measure than guess. I have ordered a blood test for tomorrow morning at the lab on the ground floor, no fasting.",
            ),
            p(
                22 * HOUR,
                "Had the blood drawn at 8. Weight 187.4 today, it was 190.2 yesterday. Two pillows last night.",
            ),
            d(
                3 * HOUR,
                "Almost three pounds, that is just the pace we want. Potassium 4.3 and creatinine 1.3, the same as in spring. Carry on as planned tomorrow, and please sit down for a minute before you stand up.",
            ),
            p(
                19 * HOUR,
                "185.9 this morning, one pillow. A bit dizzy when I got out of bed, pressure 104/62. Should I still take the second furosemide today?",
            ),
        ],
    },
    Thread {
        patient: 2057,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: InProgress,
        ended: 2 * HOUR + 12,
        description: "My ankles swell every evening since my amlodipine was raised to 10 mg four weeks ago. Blood pressure is good, around 126/78, but my shoes leave marks. I cannot take lisinopril because my lip swelled up on it.",
        note: "",
        lines: &[
            d(
                15,
                "Hello Mr Washington. Swelling on amlodipine 10 mg is common, about one person in ten, and it is from the vessels opening up rather than from the heart. Is it the same on both sides, and does it go down overnight?",
            ),
            p(40, "Both sides the same. Flat as normal when I wake up."),
            d(20, "That fits. No pain in a calf, no breathlessness?"),
            p(12, "None. I walk the dog two miles every day like always."),
            d(
                25,
                "Then this is the plan: go back to amlodipine 5 mg, and add chlorthalidone 12.5 mg in the morning. Nothing from the lisinopril family, ever, because of the lip. I have that on your chart as ACE inhibitors.",
            ),
            p(18, "OK. Do I need to finish the 10s I have? I just filled 90 of them."),
            d(
                9,
                "If they have a score line you may halve them, otherwise the pharmacy will have 5s ready this afternoon. Please measure twice a day for two weeks, seated, five minutes of rest first.",
            ),
            p(
                6 * DAY,
                "First week: mornings 131/82, 128/80, 133/84, 129/79, 127/80, 130/82. Evenings a bit lower. Ankles nearly normal, my wife noticed before I did.",
            ),
            d(
                5 * HOUR,
                "That is a good start. Chlorthalidone takes three to four weeks for its full effect. It can lower sodium and potassium, so please have a basic metabolic panel next week; the order is in, fasting is not needed.",
            ),
            p(
                2 * DAY,
                "Went to the lab today. One more thing, my cousin takes spironolactone for the same problem, is that something for me?",
            ),
            d(
                2 * HOUR,
                "It is a good drug, but a fourth step, and you may never need it. Let us look at your panel first and talk when you are here.",
            ),
        ],
    },
    Thread {
        patient: 2055,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: InProgress,
        ended: 51,
        description: "I had a stent put in three months ago after a heart attack. I need a tooth taken out and the dentist wants me to stop clopidogrel for a week. I take it together with aspirin 81 mg. Is that safe?",
        note: "Letter to Dr Lane, Elm Street Dental: dual antiplatelet therapy continues without a break.",
        lines: &[
            d(
                10,
                "Mr Patel, I am glad you asked before stopping. Please do not stop clopidogrel or aspirin. In the first year after a heart attack a stent can close within days without them, and a tooth can be taken out safely while you take both.",
            ),
            p(35, "Thank you doctor. The dentist was quite firm. Can you write something for her?"),
            d(
                14,
                "Certainly. I will send a letter today: both tablets continue, one tooth at a time, stitches and gauze with tranexamic acid rinse. What is her name and fax number?",
            ),
            p(26, "Dr Meredith Lane, Elm Street Dental. The fax is on their card, 555-0148."),
            d(45, "Sent. Which pain relief did she suggest for afterwards?"),
            p(17, "She said ibuprofen 600."),
            d(
                6,
                "Please use acetaminophen instead, up to 1,000 mg every 8 hours. Ibuprofen on top of two blood thinners can make the stomach bleed, and it gets in the way of the aspirin.",
            ),
            p(
                2 * DAY,
                "Tooth is out. It oozed for about two hours, then stopped with the gauze. No ibuprofen.",
            ),
            d(
                50,
                "That is what I would expect. Soft food today, no hot drinks, no rinsing until tomorrow. If it bleeds again, bite on fresh gauze for 20 minutes without looking. If that does not stop it, call us.",
            ),
            p(
                20 * HOUR,
                "All dry this morning. But my wife found that I have only four clopidogrel left, and the pharmacy says the refill needs your approval.",
            ),
        ],
    },
    Thread {
        patient: 2051,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: InProgress,
        ended: 17,
        description: "My mother Åse (90) takes apixaban 5 mg twice a day for atrial fibrillation. She slipped in the kitchen this morning and has a large bruise on her hip. She did not hit her head, she walks with her frame. Should she take tonight's tablet? Written by her daughter Ingrid.",
        note: "Fall without head injury on apixaban. Hip X-ray negative. One dose held; dose to be reviewed against age and weight.",
        lines: &[
            d(
                4,
                "Hello Ingrid, thank you for writing for her. I must be sure about the head: did anybody see the fall, and is there any bump, headache, vomiting, or is she sleepier than usual?",
            ),
            p(
                6,
                "I was in the room. She sat down hard sideways against the cabinet. No bump, she is cross with me for fussing and doing the crossword.",
            ),
            d(
                3,
                "The crossword reassures me. Can she put full weight on that leg, and is the bruise still growing?",
            ),
            p(
                15,
                "She walks with the frame but limps. I drew round the bruise with a pen like the nurse once showed us: it is the size of my palm and has not crossed the line in half an hour.",
            ),
            d(
                4,
                "Well done. Please skip tonight's apixaban only, and put a cold pack on for 15 minutes each hour while she is awake. At 90 a limp after a fall deserves an X-ray of the hip today; I have ordered it at radiology here, they are expecting you.",
            ),
            p(10, "We can be there in 40 minutes. Does she need to fast?"),
            d(
                2,
                "No. If she develops a headache, becomes drowsy or confused, or the thigh becomes hard and tight, call 911 and say that she takes a blood thinner.",
            ),
            p(
                2 * HOUR,
                "X-ray done. The technician was kind. She would like to know when she can have her tablet again, and so would I.",
            ),
            d(
                25,
                "The picture shows no fracture, the radiologist and I both looked. If the bruise stays inside your pen line overnight, she takes the usual 5 mg tomorrow morning. I am also checking whether 5 mg is still her right dose: what did she last weigh?",
            ),
            p(12, "128 pounds at her last check-up. She says to tell you 130 with her shoes on."),
        ],
    },
    Thread {
        patient: 2085,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: Assigned,
        ended: 6,
        description: "My watch says my pulse is 44 and I feel lightheaded when I stand up. My metoprolol was doubled to 100 mg last week. I have not fainted.",
        note: "",
        lines: &[
            d(
                2,
                "Ms Williams, this is Dr Okafor. Please sit down while we write. Is somebody with you, and do you have chest pain or trouble breathing?",
            ),
            p(2, "My sister is here. No pain, breathing is fine. Just woozy when I get up to the kitchen."),
            d(
                2,
                "Good that she is there. Have you taken today's metoprolol yet, and is it the tablet that says ER or XL?",
            ),
            p(3, "It says metoprolol succ ER 100 mg. I take it at supper so not yet today."),
            d(
                1,
                "Please do not take it tonight. Could your sister count the pulse at your wrist for a full minute? A watch can miss beats.",
            ),
            p(4, "She counted 46. She used to be a school nurse, so I trust it."),
            d(
                2,
                "Then so do I. Do you have a blood pressure cuff at home? And please check the bottles for diltiazem, verapamil or digoxin.",
            ),
            p(
                5,
                "Pressure is 108/60. No such bottles, only the metoprolol, atorvastatin and my eye drops for glaucoma. The drops are called timolol, does that matter?",
            ),
        ],
    },
    Thread {
        patient: 2080,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: Assigned,
        ended: 3 * HOUR + 40,
        description: "I got a pacemaker ten days ago. The skin over it is a bit pink and itchy along the scar. No fever. I would like to know if I should worry and when I can play golf.",
        note: "",
        lines: &[
            d(
                30,
                "Hello Mr Fitzgerald. Some pink and itch along the line is usual at ten days. Warmth, swelling, discharge or an opening in the scar is not. Which of these, if any, do you see?",
            ),
            p(
                50,
                "Pink, about a quarter inch either side. Not warm, my wife checked with the back of her hand. No discharge. The paper strips came off in the shower.",
            ),
            d(
                25,
                "That sounds like healing. Leave it dry and open, no cream and no scratching. Can you send a photo in daylight to the desk, or come by for the nurse to look?",
            ),
            p(35, "I will come by, I live two blocks away."),
            d(
                3 * HOUR,
                "The nurse sent me her note: clean, closed, 1 cm of redness, no warmth. I agree that it is healing. Please take your temperature once a day for a week and call the same day if it is above 100.4 °F.",
            ),
            p(40, "Will do. And the golf?"),
            d(
                20,
                "Not yet: until six weeks after the operation keep the left elbow below the shoulder and lift nothing over 10 pounds, so that the wires can settle. Putting is fine from today. A full swing after we have checked the device at six weeks.",
            ),
            p(
                18,
                "Putting is the part I am bad at, so this is medicine. Does my phone bother the thing? I keep it in the shirt pocket.",
            ),
        ],
    },
];
