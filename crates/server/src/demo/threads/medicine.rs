//! Inner medicine: hormones, digestion, lungs.

use chatehr_contract::{
    ConsultationStatus::{Assigned, Completed, InProgress},
    SpecialtyCode::{Endocrinology, Gastroenterology, Pulmonology},
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{ADEYEMI, NGUYEN, RAHMAN};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2081,
        physician: NGUYEN,
        specialty: Endocrinology,
        urgency: Urgent,
        status: InProgress,
        ended: HOUR + 25,
        description: "My sugar was 58 at 3 in the morning two nights in a row. I woke up sweating and ate crackers. I take insulin glargine 26 units at bedtime and metformin. I have been eating less because of a diet.",
        note: "",
        lines: &[
            d(
                5,
                "Ms Hernández, thank you for measuring and not just eating. How are you now, and what is your sugar at this moment?",
            ),
            p(4, "143 after breakfast. I feel tired but all right."),
            d(
                3,
                "Good. You eat less, so you need less insulin. Tonight take 20 units of glargine instead of 26. If your sugar is below 100 at bedtime, eat 15 grams of carbohydrate first, for example a slice of bread.",
            ),
            p(9, "20 tonight. What do I do if it goes under 70 again?"),
            d(
                3,
                "Four ounces of juice or four glucose tablets, measure after 15 minutes, repeat if still under 70. Crackers are too slow for the first step. Does somebody at home know where your glucagon is?",
            ),
            p(12, "My husband. It is in the kitchen door, it expires next month."),
            d(
                6,
                "I will renew it today, the nose spray kind, which is easier for him. Please write me bedtime, 3 a.m. and morning values for three days.",
            ),
            p(22 * HOUR, "Bedtime 128, at 3: 84, morning 109."),
            d(2 * HOUR, "Just right. Stay at 20."),
            p(
                20 * HOUR,
                "Last night bedtime 117, at 3: 79, morning 101. I have lost another two pounds. Should I go down again before it gets low?",
            ),
        ],
    },
    Thread {
        patient: 2058,
        physician: NGUYEN,
        specialty: Endocrinology,
        urgency: Routine,
        status: Completed,
        ended: 17 * DAY,
        description: "I take levothyroxine 75 mcg for Hashimoto's and yesterday my pregnancy test was positive, about five weeks. Do I need to change the dose?",
        note: "Hypothyroidism in early pregnancy. Levothyroxine raised to 100 mcg, TSH 1.9 after four weeks; tests every four weeks until mid-pregnancy.",
        lines: &[
            d(
                25,
                "Congratulations, Ms Ivanova! You are right to ask now: the baby depends on your hormone in the first weeks. Please take two extra tablets a week from today, so nine in place of seven, and have a TSH drawn tomorrow.",
            ),
            p(2 * HOUR, "Thank you! Which days do I take two?"),
            d(
                10,
                "Any two that are not neighbors. On an empty stomach, and at least four hours away from your prenatal vitamin, since its iron and calcium block it.",
            ),
            p(DAY + 2 * HOUR, "I had been taking them together. Blood is done."),
            d(
                7 * HOUR,
                "The TSH is 4.6; in the first trimester we aim for below 2.5. I have sent 100 mcg tablets, one daily, no more doubling. Vitamin at bedtime.",
            ),
            p(HOUR, "Is 4.6 dangerous? I feel guilty about the vitamin."),
            d(
                20,
                "No, and please do not. It is slightly high, found early and easily put right. You did everything as one should.",
            ),
            p(28 * DAY, "Test repeated today, the app says 1.9."),
            d(
                3 * HOUR,
                "Perfect. Same dose, test every four weeks until week 20. I have told your obstetrician.",
            ),
        ],
    },
    Thread {
        patient: 2064,
        physician: ADEYEMI,
        specialty: Gastroenterology,
        urgency: Routine,
        status: Completed,
        ended: 10 * DAY,
        description: "Burning in the upper stomach for two months, worse when hungry and at night. Antacids help for an hour. My father had a stomach ulcer. I sometimes take naproxen for my shoulder.",
        note: "H. pylori positive; 14 days of bismuth quadruple therapy. Breath test four weeks after the end, off omeprazole for two weeks.",
        lines: &[
            d(
                70,
                "Hello Mr Yılmaz. Pain when hungry that wakes you at night, with naproxen and a father with an ulcer: we should look for Helicobacter, the ulcer germ. Any black stool, vomiting, weight loss or trouble swallowing?",
            ),
            p(4 * HOUR, "None of these. I lost maybe two pounds because I eat less spicy."),
            d(
                30,
                "Good. Please stop naproxen and use acetaminophen for the shoulder. A stool test for Helicobacter first, and no acid blocker before it, because that hides the germ.",
            ),
            p(2 * DAY, "I brought the sample. It is not my favorite errand."),
            d(
                DAY,
                "Nobody's. It is positive. The treatment is 14 days: omeprazole 20 mg twice a day before meals, bismuth, metronidazole and tetracycline four times a day. No alcohol at all until three days after.",
            ),
            p(50, "So many tablets. Will my mouth go black?"),
            d(
                15,
                "Tongue and stool may turn dark from bismuth, harmless. Expect a metallic taste and some nausea. It works in nine of ten people, if every dose is taken.",
            ),
            p(15 * DAY, "Finished yesterday, missed one dose only. The pain went away on day 6."),
            d(
                4 * HOUR,
                "Impressive discipline. In four weeks we do a breath test to prove it is gone; please stop omeprazole two weeks before that.",
            ),
        ],
    },
    Thread {
        patient: 2082,
        physician: ADEYEMI,
        specialty: Gastroenterology,
        urgency: Routine,
        status: Completed,
        ended: 7 * DAY,
        description: "I have my first screening colonoscopy next week. I take lisinopril and fish oil, and I get seasick easily. I am worried I won't be able to drink the whole preparation.",
        note: "Screening colonoscopy complete: good preparation, one 4 mm tubular adenoma removed. Next in seven years.",
        lines: &[
            d(
                90,
                "Hello Mr Jørgensen. Nearly everybody worries about the drink more than the procedure, and afterwards says it was the other way round. Have you had constipation, or any trouble with anesthesia?",
            ),
            p(3 * HOUR, "Neither. Only the stomach."),
            d(
                20,
                "Then we split it: half at 6 the evening before, half five hours before your time. Chill it, use a straw, a lemon drop between glasses. I have added ondansetron 4 mg to take half an hour before each half.",
            ),
            p(25, "And food? And the lisinopril?"),
            d(
                12,
                "From three days before: no seeds, nuts or raw vegetables. The day before: clear liquids only, nothing red. Stop the fish oil now. Leave lisinopril out that morning, and bring somebody to drive you home.",
            ),
            p(
                6 * DAY,
                "First half is down. Ondansetron is a wonder. It looks like weak tea, is that clear enough?",
            ),
            d(
                30,
                "Not yet, it will be after the second half: pale yellow and see-through is what we want. Keep sipping water until two hours before.",
            ),
            p(9 * HOUR, "Pale yellow. On my way."),
            d(
                8 * DAY,
                "The result is in: the small polyp I took out, 4 mm, is a tubular adenoma, harmless now that it is gone. Next colonoscopy in seven years.",
            ),
            p(2 * HOUR, "Seven years of peace. Thank you, and you were right about the drink."),
        ],
    },
    Thread {
        patient: 2061,
        physician: ADEYEMI,
        specialty: Gastroenterology,
        urgency: Routine,
        status: Completed,
        ended: 19 * DAY,
        description: "Bloating and loose stools for a year, iron always low, and my sister was just diagnosed with celiac disease. Should I stop eating gluten?",
        note: "Celiac disease confirmed by serology and biopsy. Gluten-free diet with dietitian, bone density and antibodies in six months.",
        lines: &[
            d(
                80,
                "Ms Dubois, please do not stop yet: without gluten both the blood test and the biopsy can come out falsely normal. With an affected sister and low iron the test is clearly worth doing.",
            ),
            p(2 * HOUR, "I understand. So I continue with my baguette for science."),
            d(15, "For science, two slices a day at least. I have ordered tTG antibodies with total IgA."),
            p(3 * DAY, "The portal shows tTG-IgA over 100, with three red arrows."),
            d(
                4 * HOUR,
                "That is more than ten times the limit, so celiac disease is very likely. I suggest a gastroscopy with small biopsies to be certain before a lifelong diet. It takes ten minutes, asleep. The slot is next week.",
            ),
            p(40, "Yes please. What about my two children?"),
            d(
                20,
                "About one in ten first-degree relatives has it, so they should have the same blood test once, sooner if they have symptoms.",
            ),
            p(11 * DAY, "I saw the biopsy result. So it is real."),
            d(
                2 * HOUR,
                "It is, and it is one of the few diseases that food alone heals. The dietitian will see you this week; until then the safe list is in your portal. Oats only if labeled gluten-free, and watch soy sauce and beer. Most people feel the difference in two to four weeks.",
            ),
        ],
    },
    Thread {
        patient: 2052,
        physician: RAHMAN,
        specialty: Pulmonology,
        urgency: Urgent,
        status: Completed,
        ended: 8 * DAY,
        description: "My COPD is worse since three days: more cough, the phlegm turned from white to green, and I stop twice on one flight of stairs. Oxygen on my finger 91, usually 94. I use tiotropium and albuterol.",
        note: "COPD exacerbation treated at home: prednisone 40 mg and doxycycline for five days, back to baseline. Pulmonary rehabilitation arranged.",
        lines: &[
            d(
                4,
                "Mr Schäfer-Groß, can you speak a whole sentence without stopping for breath? And any fever or chest pain?",
            ),
            p(4, "Whole sentences yes, I am just slow. 99.3. No pain."),
            d(
                3,
                "Then we can treat this at home if you measure for me. Prednisone 40 mg each morning for five days, doxycycline 100 mg twice a day for five days, albuterol two puffs with the spacer every four hours while awake.",
            ),
            p(10, "My daughter fetches it. For the cough I have only the syrup from years ago."),
            d(
                2,
                "If that syrup contains codeine, throw it out; you had a bad reaction to it. Coughing is useful now. Oxygen every four hours: below 89 or harder breathing at rest means 911.",
            ),
            p(20 * HOUR, "91, 92, 91, 93. Slept in the armchair. Phlegm still green."),
            d(
                90,
                "Steady is good, the steroid needs about two days. It may raise your mood and your sugar; take it before 9.",
            ),
            p(2 * DAY, "94 this morning! One flight, one stop. Phlegm paler."),
            d(3 * HOUR, "That is what I hoped for. Finish both. Are you still at five cigarettes a day?"),
            p(6 * HOUR, "Two. The armchair was boring."),
            d(
                50,
                "Two is the best number I have heard from you. I have booked you into pulmonary rehab and sent varenicline, if you would like to reach zero.",
            ),
        ],
    },
    Thread {
        patient: 2048,
        physician: RAHMAN,
        specialty: Pulmonology,
        urgency: Routine,
        status: Assigned,
        ended: 4 * HOUR + 20,
        description: "I have had a dry cough for nine weeks since a cold. It is worst at night and when I laugh. Sometimes I hear a whistle. I don't smoke. I had hay fever as a child.",
        note: "",
        lines: &[
            d(
                30,
                "Hello Wulandari. Nine weeks is long enough to look properly. Have you coughed blood, had night sweats, lost weight, or lived with anybody who had tuberculosis?",
            ),
            p(
                45,
                "No blood and no sweats. My grandmother in Bandung had TB when I was a child, she was treated.",
            ),
            d(
                15,
                "Thank you for mentioning it. I am adding a TB blood test to a chest X-ray and breathing tests. Do you take any blood pressure tablet, and is there heartburn, or a drip at the back of the nose?",
            ),
            p(30, "No tablets. My nose is stuffy in the morning. No heartburn."),
            d(
                12,
                "A whistle, nights, laughing and hay fever point to asthma. At the breathing test you blow before and after a puff of albuterol. No inhaler from a friend for six hours before, please.",
            ),
            p(
                20,
                "I can come any day after 3. May I exercise until then? I usually run but it makes me cough.",
            ),
            d(25, "Walk rather than run until we know. The desk will offer you times within two days."),
            p(
                35,
                "They offered next week at 3:30, I took it. Should I be worried about giving something to my nephew? He is six months old.",
            ),
        ],
    },
];
