//! Neurology and psychiatry.

use chatehr_contract::{
    ConsultationStatus::{Completed, InProgress},
    SpecialtyCode::{Neurology, Psychiatry},
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{BRANDT, KOWALCZYK};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2053,
        physician: KOWALCZYK,
        specialty: Neurology,
        urgency: Routine,
        status: Completed,
        ended: 13 * DAY,
        description: "I get a throbbing headache on one side with nausea about six days a month. Light and noise make it worse. Ibuprofen used to work and now I take it ten days a month. My mother has migraines.",
        note: "Migraine without aura. Sumatriptan 50 mg as needed, propranolol for prevention; attacks down from six to two a month.",
        lines: &[
            d(
                55,
                "Hello Ms Okonkwo. What you describe is migraine. Before the pain, do you ever see zigzag lines or feel one side go numb? And has there ever been one sudden, worst-of-your-life headache?",
            ),
            p(3 * HOUR, "No lines, no numbness. They build up over an hour."),
            d(25, "Good. Do you have asthma, and are you on the pill or planning a pregnancy?"),
            p(40, "No asthma, copper IUD, no plans."),
            d(
                15,
                "Then: sumatriptan 50 mg as soon as the pain begins, once more after two hours if needed, on no more than nine days a month. With it naproxen 500 mg instead of ibuprofen. And to prevent attacks, propranolol 40 mg twice a day.",
            ),
            p(
                50,
                "My neck felt tight for ten minutes after the first sumatriptan, but the headache was gone in an hour. Is the tightness dangerous?",
            ),
            d(
                20,
                "It is common and harmless when it is brief and in the neck or jaw. Pressure in the middle of the chest would be different: stop and call us.",
            ),
            p(
                30 * DAY,
                "One month diary: 2 attacks instead of 6, both gone in an hour. My hands are cold and I am slower on my bike.",
            ),
            d(
                5 * HOUR,
                "A fine result. The cold hands are the propranolol; we could try 60 mg long-acting once a day, which is gentler. Shall we?",
            ),
            p(2 * HOUR, "Yes please. I did not know that weekends could be for doing things."),
        ],
    },
    Thread {
        patient: 2099,
        physician: KOWALCZYK,
        specialty: Neurology,
        urgency: Routine,
        status: InProgress,
        ended: 6 * HOUR + 30,
        description: "My father has Parkinson's and takes carbidopa-levodopa 25/100 three times a day at 8, 1 and 6. For a month he freezes about an hour before each dose, and he sees small children in the garden in the evening. This is his daughter Claire writing with him.",
        note: "Oxybutynin stopped (hallucinations). Levodopa 25/100 four times a day.",
        lines: &[
            d(
                40,
                "Hello Claire, hello Mr Delacroix. Two separate things, then: the dose wears off early, and visions in the evening. Is he frightened by the children, and was any tablet added in these weeks?",
            ),
            p(
                2 * HOUR,
                "He is not frightened, he says they are well behaved. The urologist gave him oxybutynin five weeks ago for the bladder.",
            ),
            d(
                15,
                "That is a very probable cause. Oxybutynin can confuse older people and bring visions. Please stop it today; I will write to the urologist about a safer choice. Any fever, burning urine or a fall?",
            ),
            p(30, "No fever, no burning, no fall. Stopped."),
            d(
                20,
                "For the freezing: the same tablets, four times instead of three: 7, 11, 3 and 7, half an hour before food. Protein competes with it, so meat and cheese in the evening.",
            ),
            p(
                4 * DAY,
                "The children have gone. He says he rather misses them. The freezing is better, but at 2:30 he is still slow.",
            ),
            d(
                6 * HOUR,
                "I am glad. Give the new times one full week before we judge. Does he get dizzy when he stands up?",
            ),
            p(5 * HOUR, "A little, mornings. 112/60 standing today."),
            d(
                80,
                "Two glasses of water before he gets up, and sit on the edge of the bed for two minutes. If it falls below 100 or he feels faint, write to me the same day.",
            ),
        ],
    },
    Thread {
        patient: 2088,
        physician: BRANDT,
        specialty: Psychiatry,
        urgency: Urgent,
        status: InProgress,
        ended: HOUR + 50,
        description: "My baby is seven weeks old. I cry most days, I cannot sleep even when she sleeps, and I feel like a bad mother. I love her and I would not hurt her or myself, but I am so tired of feeling like this.",
        note: "Video visit: postpartum depression, no suicidal thoughts. Sertraline 25 mg, then 50 mg. Safety numbers given.",
        lines: &[
            d(
                3,
                "Ms Carter, thank you for writing this down, it took strength. What you describe is common, it has a name, postpartum depression, and it gets better with treatment. You say you would not hurt yourself or her. Have thoughts of not being alive come at all, even passing ones?",
            ),
            p(6, "No. More like I want to disappear to a hotel for a week and sleep."),
            d(
                2,
                "That I understand very well. If such thoughts ever come, day or night: call or text 988, or 1-833-852-6262, the line for mothers. Who is with you at home?",
            ),
            p(5, "My mom until the weekend. My partner works nights."),
            d(
                4,
                "Good. Could your mother take one feed tonight, so that you get five hours in one piece? Sleep is a medicine here. I have time for a video visit in an hour, may I call you then?",
            ),
            p(3, "Yes. I would like that."),
            d(
                2 * HOUR,
                "It was good to talk. As agreed: sertraline 25 mg each morning for a week, then 50. It is the one we know best with breastfeeding. It may bring nausea for some days, and needs two to four weeks to lift the mood. I have asked for a thyroid test, and the mothers' group meets twice a week.",
            ),
            p(
                5 * DAY,
                "Day five. A little queasy, I eat it with toast. I slept five hours twice. I am still crying but I laughed once as well.",
            ),
            d(
                4 * HOUR,
                "One laugh on day five is worth noting. Go to 50 mg the day after tomorrow. How are the nights, now that your mother has left?",
            ),
            p(
                90,
                "She is staying one more week. My partner does the 2 am bottle before his break. Is it okay that I feel nothing special when I hold her? I do everything right but it feels like babysitting.",
            ),
        ],
    },
    Thread {
        patient: 2084,
        physician: BRANDT,
        specialty: Psychiatry,
        urgency: Routine,
        status: Completed,
        ended: 9 * DAY + 5 * HOUR,
        description: "I lie awake from 1 to 4 almost every night since I changed jobs. I nap after work and take diphenhydramine most nights. I'm not depressed, just exhausted. I drink one beer.",
        note: "Chronic insomnia, responded to sleep restriction and stimulus control (CBT-I). Sleep efficiency 88%. No medication.",
        lines: &[
            d(
                90,
                "Hello Mr Cohen. When do you go to bed, when do you get up, and how much of that do you guess you sleep?",
            ),
            p(5 * HOUR, "Bed at 10, up at 6:30, sleep maybe five and a half hours. Nap 45 minutes at six."),
            d(
                30,
                "So you spend eight and a half hours in bed for five and a half of sleep. The treatment that works best, better than tablets, is to squeeze the two together. Bed at 12:30, up at 6:30 each day, weekends too, no naps. Do you drive for work?",
            ),
            p(50, "No, I code. 12:30 sounds brutal."),
            d(
                15,
                "The first week is. If awake for what feels like 20 minutes, get up, dim light, something dull, back when sleepy. No clock in sight. And please stop diphenhydramine: it stops working after a few nights and fogs the next day.",
            ),
            p(
                7 * DAY,
                "Brutal, as promised. But I fell asleep in ten minutes five nights of seven. Awake once, 20 min. Diary attached in the portal.",
            ),
            d(6 * HOUR, "Excellent: that is 88% of your time in bed. Now add 15 minutes: bed at 12:15."),
            p(7 * DAY, "12:15 works. I read a whole manual on tax law at 3 am once, most effective."),
            d(
                3 * HOUR,
                "I shall recommend it. Add 15 minutes each week while you stay above 85%, until you feel rested. You know the method now; write if it slips for more than two weeks.",
            ),
        ],
    },
];
