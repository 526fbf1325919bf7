//! Cardiology: Dr Okafor's closed threads and all of Dr Lindqvist's.

use chatehr_contract::{
    ConsultationStatus::{Completed, InProgress},
    SpecialtyCode::Cardiology,
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{LINDQVIST, OKAFOR};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2068,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: Completed,
        ended: 6 * DAY + 3 * HOUR,
        description: "My finger-stick INR this morning is 4.8. It is supposed to be 2.5 to 3.5 for my mechanical valve. I finished a course of metronidazole two days ago for my teeth.",
        note: "INR 3.1 after holding one dose; supratherapeutic after metronidazole. Usual warfarin continues, INR weekly twice, then monthly.",
        lines: &[
            d(
                4,
                "Mr Thompson, metronidazole is well known for pushing the INR up, so this makes sense. Any bleeding: nose, gums, dark stool, blood in the urine, a headache?",
            ),
            p(7, "None of that. A small bruise where I bumped the table, that's all."),
            d(
                3,
                "Good. Please skip tonight's warfarin, only tonight, and then continue with your usual 5 mg. No vitamin K, with your valve we do not want to overshoot the other way. Test again the day after tomorrow in the morning.",
            ),
            p(9, "Skip tonight, 5 mg from tomorrow, test the morning after that. Can I eat my greens?"),
            d(
                5,
                "The same amount as always, neither more nor less. And no aspirin or ibuprofen for the bruise.",
            ),
            p(DAY + 20 * HOUR, "INR 3.6 today."),
            d(40, "Coming down nicely. Carry on with 5 mg and test once more in three days."),
            p(3 * DAY, "3.1 this morning, right in the middle."),
            d(
                2 * HOUR,
                "Very good. Weekly for two weeks, then monthly again. Next time anybody prescribes an antibiotic, let us know on the first day and we will test on day four.",
            ),
            p(30, "I have put a note on the fridge. Thank you, Doctor."),
        ],
    },
    Thread {
        patient: 2046,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: Completed,
        ended: 11 * DAY,
        description: "Since I started atorvastatin 40 mg six weeks ago both my thighs ache when I climb stairs. I don't want to quit if it protects me, but it is getting hard at work. I am a mail carrier.",
        note: "Statin-associated myalgia with normal CK. Rosuvastatin 5 mg on alternate days tolerated. Lipids in eight weeks.",
        lines: &[
            d(
                20,
                "Hello Ms Johnson. Thank you for not just stopping. Is the ache there at rest too, and has your urine been darker than tea at any time?",
            ),
            p(55, "Only on stairs and by the end of my route. Urine is normal."),
            d(
                15,
                "I have ordered a CK, which shows muscle injury, together with thyroid and vitamin D. Please pause the atorvastatin until we have the result.",
            ),
            p(DAY + 5 * HOUR, "Blood taken today. Do I take anything instead? I know aspirin is out for me."),
            d(
                4 * HOUR,
                "Nothing for two weeks, and rightly no aspirin with your allergy. The CK is 132, which is normal, so there is no damage. Thyroid normal, vitamin D a little low at 22.",
            ),
            p(
                9 * DAY,
                "Ten days without it and I took the stairs at the post office like nothing. So it was the pill.",
            ),
            d(
                6 * HOUR,
                "It looks that way. Most people who ache on one statin manage another at a small dose. I suggest rosuvastatin 5 mg every other day, and vitamin D 1,000 units daily. Shall we try?",
            ),
            p(HOUR, "Yes. Every other day I can remember: odd house numbers."),
            d(14 * DAY, "It has been two weeks. How are the thighs?"),
            p(5 * HOUR, "Fine! A little stiff after the holiday rush, nothing like before."),
            d(
                40,
                "Wonderful. Stay with it, and we check your cholesterol in eight weeks. I will close this here, write any time.",
            ),
        ],
    },
    Thread {
        patient: 2050,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Urgent,
        status: Completed,
        ended: 15 * DAY,
        description: "I fainted at church after standing for a long time. I felt hot and the sounds went far away first. I was out for less than a minute. I am 75 and I have never fainted before.",
        note: "Vasovagal syncope. ECG, 48-hour Holter and echocardiogram without cause for concern. Advice on fluids and counter-pressure given.",
        lines: &[
            d(5, "Dona Maria Antónia, this is Dr Okafor. Did you hurt yourself, and how do you feel now?"),
            p(14, "Only my pride and one elbow. Now I feel normal, I had tea and a biscuit."),
            d(
                4,
                "I am glad. Before it happened, was there chest pain or a racing heart? And has anybody in your family died suddenly when young?",
            ),
            p(
                9,
                "No pain, no racing. Hot, sweating, and the choir sounded as if from the bottom of a well. My family all live too long.",
            ),
            d(
                6,
                "That story is typical of a simple faint, but at a first one after 70 I want to see the heart. Please come today for an ECG, and we will fit a 48-hour Holter recorder at the same visit.",
            ),
            p(3 * HOUR, "The ECG was quick and I am wearing the little box. May I shower?"),
            d(50, "Not with the box, please; a washcloth for two days. Write down the time if you feel odd."),
            p(3 * DAY, "I gave the box back. Nothing odd happened, I even went to church, sitting down."),
            d(
                2 * DAY,
                "Your Holter shows a steady rhythm, slowest 52 while asleep, no pauses. The echocardiogram is normal for your age. So this was a faint from standing in the heat. Drink a large glass of water before church, move your calves, and at the first warning sit down and cross your legs tightly.",
            ),
            p(4 * HOUR, "I will tell the choir that it was not their singing. God bless you, Doctor."),
        ],
    },
    Thread {
        patient: 2071,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: Completed,
        ended: 4 * DAY + 6 * HOUR,
        description: "Ten weeks after my heart attack I feel well. I finished cardiac rehab. I would like to know whether I can shovel snow, go back to the pool, and, in confidence, whether I can take sildenafil.",
        note: "Cleared for exercise after rehab (8.5 METs, no ischemia). Sildenafil 25 mg permitted; nitroglycerin warning given and repeated back.",
        lines: &[
            d(
                40,
                "Mr Lee, all good questions and all confidential. Your last treadmill at rehab showed 8.5 METs without symptoms, which is better than most people your age. Are you using nitroglycerin at all?",
            ),
            p(HOUR, "I carry the spray but I have not used it since the hospital."),
            d(
                20,
                "Pool: yes, start with 20 minutes, water not too cold, never alone. Snow: please no, not this winter. Cold air and lifting together are hard on the arteries even in fit people.",
            ),
            p(28, "My neighbor's boy can have the job then. And the other thing?"),
            d(
                12,
                "You may. Start with sildenafil 25 mg, about an hour before. The one absolute rule: no nitroglycerin within 24 hours after it. If you have chest pain in that time, call 911 and tell them that you took it.",
            ),
            p(15, "So if I get pain after the pill I do not spray, I call, and I tell them."),
            d(6, "Exactly right, and thank you for repeating it back. Please tell your partner as well."),
            p(22, "She is reading over my shoulder and says thank you."),
            d(
                30,
                "The prescription is at your pharmacy, four tablets. Your ticagrelor, aspirin, metoprolol and atorvastatin stay the same.",
            ),
            p(3 * DAY, "All fine, no dizziness. Swam 20 minutes as well, different day."),
            d(8 * HOUR, "I am delighted. See you at the six-month visit."),
        ],
    },
    Thread {
        patient: 2074,
        physician: OKAFOR,
        specialty: Cardiology,
        urgency: Routine,
        status: Completed,
        ended: 20 * DAY,
        description: "My surgeon wants a heart clearance before my hernia repair. I have high blood pressure and had a normal stress test two years ago. I drive a truck and can climb four floors.",
        note: "Pre-operative assessment: low risk, good functional capacity, no further testing. Letter sent to the surgeon.",
        lines: &[
            d(
                35,
                "Hello Mr Singh. Climbing four floors is worth more than most tests. Any chest tightness or breathlessness when you do, and which tablets do you take?",
            ),
            p(2 * HOUR, "None. Amlodipine 5 and losartan 100 in the morning, metformin 500 two times."),
            d(30, "Snoring, or has anybody seen you stop breathing at night? It matters for the anesthetic."),
            p(45, "My wife says I snore like the truck. Never tested."),
            d(
                25,
                "Then I will mention it in the letter, and we can arrange a home sleep test afterwards. For the license it is better to know and be treated than to be found out. Could you come in for an ECG and a blood pressure?",
            ),
            p(DAY + 3 * HOUR, "ECG done this morning. Nurse said 134/80."),
            d(
                2 * HOUR,
                "The ECG is normal, the same as two years ago. You are cleared. On the morning of the operation take amlodipine with a sip of water, and leave out losartan and metformin. Start both again when you eat normally.",
            ),
            p(30, "Amlodipine yes, losartan and metformin no. Do you send the paper to Dr Marsh?"),
            d(15, "Sent a minute ago, with your ECG. Good luck with it."),
        ],
    },
    Thread {
        patient: 2062,
        physician: LINDQVIST,
        specialty: Cardiology,
        urgency: Urgent,
        status: InProgress,
        ended: HOUR + 5,
        description: "Another attack of my SVT last night, 190 beats for 35 minutes. I did the breathing trick and it stopped in the end. This is the fourth since summer and they are getting longer.",
        note: "Referred for SVT ablation. Iodinated contrast reaction stated on the referral.",
        lines: &[
            d(
                6,
                "Hello Ms McAllister. 35 minutes at 190 must have been frightening. How are you now, and which trick did you use?",
            ),
            p(
                12,
                "Tired, otherwise OK. I blew into the syringe like you showed me, and lay back with my legs up. Third try worked.",
            ),
            d(
                8,
                "That is the modified Valsalva, well done. Next time give it three tries at most; if it goes on for 20 minutes or you feel faint, call 911. Are you still taking the diltiazem 120 mg daily?",
            ),
            p(25, "Yes, though it makes my ankles puffy and it clearly does not stop these."),
            d(
                30,
                "Four breakthrough attacks on medication is the point at which I would offer ablation. It cures this kind of SVT in about 95 of 100 people, takes two to three hours, and most go home the next day. The main risk is damage to the heart's own wiring, under 1 in 100, which would mean a pacemaker.",
            ),
            p(
                2 * HOUR,
                "I have been reading about it for a year, to be honest. Does it involve contrast? I reacted badly to the dye for my CT.",
            ),
            d(
                20,
                "Good that you say so; I see iodinated contrast on your list. This procedure normally uses none, we find our way with an electrical map and ultrasound. I will write it in capitals on the referral all the same.",
            ),
            p(DAY, "I talked to my husband. Please go ahead and refer me."),
            d(
                3 * HOUR,
                "Done. The lab will call you within two days with a date, likely in four to six weeks. You will stop the diltiazem three days before, so that we can find the circuit.",
            ),
            p(
                40,
                "They called already! One question: I am flying to Edinburgh the week before. Is a long flight a problem?",
            ),
        ],
    },
    Thread {
        patient: 2059,
        physician: LINDQVIST,
        specialty: Cardiology,
        urgency: Routine,
        status: InProgress,
        ended: 5 * HOUR,
        description: "The back of my right leg cramps after I walk two blocks and stops when I rest. I smoked until last year. My toes are cold at night. I have diabetes.",
        note: "",
        lines: &[
            d(
                45,
                "Hello Mr de la Cruz. Pain in the calf that comes with walking and goes with rest often means that the leg artery is narrow. Do you have any sore or black spot on the foot?",
            ),
            p(
                3 * HOUR,
                "No sores. My wife looks every night because of the diabetes. The right foot is colder.",
            ),
            d(
                30,
                "Your wife is doing the most important thing. Does the foot ever hurt at night so that you hang it out of bed?",
            ),
            p(50, "No, only cold. Socks help."),
            d(
                20,
                "Then we have time to do this properly. I have ordered an ankle-brachial index, which compares the pressure in arm and ankle with a cuff. It does not hurt and takes 20 minutes.",
            ),
            p(2 * DAY, "They did the test today. The girl said she could not tell me the number."),
            d(
                5 * HOUR,
                "The number is 0.68 on the right and 0.94 on the left; above 0.9 is normal. So the right leg artery is moderately narrow. The best medicine is walking: walk until it hurts moderately, rest, walk again, 30 minutes, three to five times a week. I also want to start clopidogrel 75 mg and raise your atorvastatin to 80 mg.",
            ),
            p(6 * HOUR, "Will walking not damage it more?"),
            d(
                35,
                "No. It hurts, but it does no harm; it makes small side vessels grow. Most people double their distance in three months. Never walk barefoot, and show us any wound the same day.",
            ),
            p(40, "OK. We start tomorrow, to the church and back with two rests."),
        ],
    },
    Thread {
        patient: 2076,
        physician: LINDQVIST,
        specialty: Cardiology,
        urgency: Routine,
        status: Completed,
        ended: 9 * DAY,
        description: "My yearly echo report is in the portal and it says moderate aortic stenosis, mean gradient 28. Last year it said 24. I feel well and cycle 60 miles a week. What does it mean for me?",
        note: "Moderate aortic stenosis, asymptomatic, slow progression. Echocardiogram in twelve months, earlier with symptoms.",
        lines: &[
            d(
                50,
                "Hello Mr van der Berg. The number is the pressure difference across the valve, in mmHg: 20 to 40 is moderate. A rise of about 4 a year is the ordinary pace. Do you have tightness, lightheadedness or less breath on the hills than last year?",
            ),
            p(HOUR, "I am two minutes slower on my usual climb, but I am also 66 and carry a new lunch box."),
            d(25, "Two minutes I can forgive. Is it the legs that give in, or the breath?"),
            p(30, "The legs, always the legs."),
            d(
                20,
                "Good. Then we watch it: an echo in twelve months, and a treadmill test before that if you want to race.",
            ),
            p(2 * HOUR, "No races. Is there a diet or a tablet that slows it down?"),
            d(
                40,
                "I wish there were. Statins were tried and do not help the valve. Blood pressure under 130/80, teeth cleaned twice a year, and no need for antibiotics at the dentist in your case.",
            ),
            p(DAY, "Understood. What are the signs that I must not wait for the year?"),
            d(
                3 * HOUR,
                "Chest pressure, near-fainting, or new breathlessness with effort. Any one of these: write to us the same day and stop riding until we have met.",
            ),
            p(25, "Clear and complete. Thank you."),
        ],
    },
    Thread {
        patient: 2087,
        physician: LINDQVIST,
        specialty: Cardiology,
        urgency: Urgent,
        status: Completed,
        ended: 2 * DAY + 4 * HOUR,
        description: "Sharp stabbing on the left side of my chest for two days, worse when I breathe in or lie down, better when I lean forward. I had a bad cold last week.",
        note: "Acute pericarditis after a viral illness, troponin normal. Ibuprofen and colchicine; no strenuous exercise for three months.",
        lines: &[
            d(
                3,
                "Mr Brown, this is Dr Lindqvist. Any breathlessness, sweating, or pain into the arm or jaw?",
            ),
            p(4, "No. Just the stabbing. I'm leaning on the kitchen counter, that's the only way it's okay."),
            d(
                2,
                "Worse lying down and better leaning forward after a cold suggests an inflamed heart lining, pericarditis. I need an ECG and a blood test within the hour to be sure it is that and nothing else. Can somebody drive you here?",
            ),
            p(3, "My roommate can. 20 minutes."),
            d(
                95,
                "The ECG shows the typical pattern and the troponin is normal, so the heart muscle itself is not affected. The ultrasound shows only a trace of fluid. Take ibuprofen 600 mg three times a day with food, omeprazole 20 mg each morning, and colchicine 0.6 mg twice a day.",
            ),
            p(20, "For how long? And I have a half marathon in five weeks."),
            d(
                10,
                "Ibuprofen for two weeks, then less each week; colchicine for three months, it halves the chance that this returns. No running for three months, I am sorry. Exercise while it is inflamed is the one thing that makes this dangerous.",
            ),
            p(15, "That hurts more than the chest. OK."),
            d(2 * DAY, "How is it today?"),
            p(3 * HOUR, "80% better, slept flat. Colchicine gives me the runs a bit."),
            d(30, "Go down to one colchicine a day then. See you in the clinic in a week for a blood test."),
        ],
    },
];
