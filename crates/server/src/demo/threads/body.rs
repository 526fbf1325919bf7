//! Skin, bones, cancer care and imaging.

use chatehr_contract::{
    ConsultationStatus::{Assigned, Completed, InProgress},
    SpecialtyCode::{Dermatology, Oncology, Orthopedics, Radiology},
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{IYER, OSULLIVAN, TANAKA, WEISS};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2054,
        physician: WEISS,
        specialty: Dermatology,
        urgency: Routine,
        status: Completed,
        ended: 14 * DAY,
        description: "Painful deep pimples on my jaw and chin for two years that leave dark marks. Benzoyl peroxide and adapalene from the drugstore for four months helped a little. They get worse before my period.",
        note: "Adult hormonal acne. Spironolactone 50 mg with adapalene, good response at three months; blood pressure and pregnancy advice given.",
        lines: &[
            d(
                90,
                "Hello Ms Kim. Four months of honest effort already, well done. Deep ones on the jaw that follow the cycle respond to hormones more than to creams. Are your periods regular, and do you use contraception?",
            ),
            p(3 * HOUR, "Regular. I have an IUD."),
            d(
                20,
                "Good, because the tablet I have in mind, spironolactone, must not be taken in pregnancy. 50 mg once a day; it blocks the hormone at the oil gland. It takes three months. You may pass more urine and feel dizzy on standing at first.",
            ),
            p(50, "Do I need blood tests? My aunt took it for her heart and had them every month."),
            d(
                15,
                "Not at your age with healthy kidneys. Just no potassium supplements. Keep adapalene at night, and sunscreen SPF 30 each morning, which does more for the dark marks than any serum.",
            ),
            p(30 * DAY, "One month: a bit less oily, two new ones on the chin. Should I give up?"),
            d(5 * HOUR, "No, this is just what month one looks like. Blood pressure?"),
            p(
                60 * DAY,
                "108/68. Month three: one small spot before my period, nothing deep. My roommate asked what I use.",
            ),
            d(
                6 * HOUR,
                "Splendid. Stay on it for a year, then we try without. Tell me before any plan to get pregnant, so that we stop it a month ahead.",
            ),
        ],
    },
    Thread {
        patient: 2045,
        physician: WEISS,
        specialty: Dermatology,
        urgency: Urgent,
        status: Assigned,
        ended: 55,
        description: "A mole on my left calf has changed over the summer. It used to be round and brown, now one edge is black and jagged and it is about 8 mm. It bled once when I toweled off. I burn easily and my uncle had melanoma.",
        note: "",
        lines: &[
            d(
                20,
                "Mr Ó Briain, you describe the changes very precisely and they need to be seen soon, not by photo alone. I am holding a place for you within 48 hours. Have you noticed any lump in the groin or behind the knee?",
            ),
            p(25, "No lumps that I can feel. Should I be scared?"),
            d(
                6,
                "Alert rather than scared. Most changing moles turn out harmless, and those that are not are cured in the great majority when removed at this stage. That is why I would rather see it now than in a month.",
            ),
            p(14, "Fair enough. What will you do on the day?"),
            d(
                5,
                "I look with a dermatoscope, and if it still troubles me I take out the whole spot with a 2 mm margin under local anesthetic. 20 minutes, a few stitches. The result takes about a week. Do you take a blood thinner, and how do you do with lidocaine at the dentist?",
            ),
            p(9, "No thinners, dentist is fine."),
            d(4, "Good. Eat normally, wear loose trousers, and plan no running for two weeks."),
            p(
                16,
                "Booked for the day after tomorrow, 11:20. There is another one on my back that my wife does not like. Can you look at both?",
            ),
        ],
    },
    Thread {
        patient: 2069,
        physician: TANAKA,
        specialty: Orthopedics,
        urgency: Urgent,
        status: Completed,
        ended: 6 * DAY,
        description: "I twisted my right knee at soccer yesterday. I heard a pop, it swelled within two hours and it buckles when I turn. I can put weight on it if I go straight.",
        note: "ACL tear with intact menisci on MRI. Prehabilitation chosen first; review at six weeks to decide on reconstruction.",
        lines: &[
            d(
                8,
                "Mr Novák, a pop, quick swelling and buckling make me think of the front cruciate ligament. Can you straighten the knee fully, and is the foot warm with normal feeling?",
            ),
            p(10, "Foot is fine. The last bit of straightening is blocked by the swelling I think."),
            d(
                4,
                "X-ray today for a fracture, and an MRI this week. Until then a hinged brace, crutches, ice for 20 minutes every two hours with a cloth between, leg up, and ibuprofen 400 mg three times a day with food.",
            ),
            p(5 * HOUR, "X-ray clear, they gave me the brace. Crutches on my stairs are an adventure."),
            d(20, "Good leg goes up first, bad leg goes down first."),
            p(3 * DAY, "MRI done. The report says complete tear of the anterior cruciate, menisci intact."),
            d(
                6 * HOUR,
                "I have looked at the pictures and agree. No rush with surgery: six weeks of good physical therapy first gives a better knee either way, and about half of people who do not return to pivoting sports never need the operation. Do you want to play again?",
            ),
            p(2 * HOUR, "I am 45 and in goal because nobody else wants to. Let me do the therapy and see."),
            d(
                40,
                "Sensible. Physical therapy starts next week, twice weekly. Bicycle yes, soccer no. We decide together in six weeks. If the calf swells or hurts, come the same day.",
            ),
        ],
    },
    Thread {
        patient: 2072,
        physician: TANAKA,
        specialty: Orthopedics,
        urgency: Routine,
        status: InProgress,
        ended: 2 * HOUR + 40,
        description: "Three weeks after my left knee replacement I bend to 85 degrees and the therapist wants 100. It is warm and stiff in the morning. I am down to one oxycodone at night. Am I behind?",
        note: "",
        lines: &[
            d(
                60,
                "Aloha Ms Kealoha. 85 degrees at three weeks is a little behind but nothing to lose sleep over; we like 90 by now and 110 by six weeks. Warmth can last for months. Is the scar dry, and any fever or pain in the calf?",
            ),
            p(2 * HOUR, "Dry and closed. No fever. Calf is soft."),
            d(
                20,
                "Good. Most stiff knees at this stage are sore knees. Take acetaminophen 1,000 mg and celecoxib 200 mg an hour before therapy, and ice after it. Heel slides 10 times, five times a day: small and often.",
            ),
            p(35, "I was saving the pills for after. That explains a lot."),
            d(10, "Before is better. Are you still on apixaban 2.5 for the clots?"),
            p(15, "Aspirin 81 twice a day, they switched me in the hospital."),
            d(
                25,
                "Thank you, I have corrected my list. Then leave out the celecoxib: with two aspirin a day it is hard on the stomach. Acetaminophen alone before therapy, and tell me whether it is enough.",
            ),
            p(
                4 * DAY,
                "Therapist measured 94 today! Acetaminophen was enough. Night is the worst, I wake at 3 and it aches.",
            ),
            d(
                5 * HOUR,
                "94, very good. A pillow under the calf, never under the knee, and you may keep the oxycodone at night for one more week, then half a tablet, then none.",
            ),
            p(20 * HOUR, "Slept until 5. My hula sisters ask when I can kneel. I said I would ask the boss."),
        ],
    },
    Thread {
        patient: 2047,
        physician: OSULLIVAN,
        specialty: Oncology,
        urgency: Urgent,
        status: InProgress,
        ended: 22,
        description: "Second cycle of AC chemotherapy for breast cancer was three days ago. I have vomited four times since last night in spite of ondansetron and I can keep down only sips. Temperature 99.1.",
        note: "IV fluids and blood count booked for the end of the day. Fever rule repeated.",
        lines: &[
            d(
                2,
                "Jelena, this is Dr O'Sullivan. Four times is too many. Are you passing urine, dizzy on standing, and have you taken the temperature in the last hour?",
            ),
            p(4, "Urine is dark, twice today. A little dizzy. 99.1 was ten minutes ago."),
            d(
                2,
                "Please melt one olanzapine 5 mg under the tongue now, it is in the blue box marked rescue, and keep taking ondansetron 8 mg every eight hours. Then one sip every five minutes. No big glasses.",
            ),
            p(6, "Taken. It makes me sleepy, yes?"),
            d(1, "Yes, so no stairs alone and no driving. Who is with you?"),
            p(3, "My husband took the day off."),
            d(
                2,
                "Good. The rule about fever has no exceptions: 100.4 °F or shaking chills means the emergency department at once, with your chemo card, day or night. No acetaminophen before you have measured, it hides a fever. And remind them about your latex allergy.",
            ),
            p(
                2 * HOUR,
                "No vomiting for two hours. I kept down half a cup of broth. Still dizzy when I stand up and urine is still dark.",
            ),
            d(
                6,
                "Better, but you are dry. I have a chair for you in the infusion room at the end of the day: one liter of fluid and a blood count, about 90 minutes. Can your husband bring you?",
            ),
            p(8, "Yes, we will be there. Temperature now 99.3. Is it all right that it went up?"),
        ],
    },
    Thread {
        patient: 2065,
        physician: OSULLIVAN,
        specialty: Oncology,
        urgency: Routine,
        status: Completed,
        ended: 16 * DAY,
        description: "Since I began anastrozole four months ago my hands and knees are so stiff in the morning that I cannot open jars. I am tempted to stop it. I am 82.",
        note: "Aromatase inhibitor arthralgia. Two-week pause, then letrozole 2.5 mg, tolerated; exercise program, bone density booked.",
        lines: &[
            d(
                100,
                "Mrs Kovács, thank you for telling me before stopping. Stiff joints trouble about half of women on anastrozole. How long does it last in the morning, and is any joint swollen or hot?",
            ),
            p(4 * HOUR, "About an hour. Not hot. My rings do not go over the knuckle."),
            d(
                30,
                "Then please pause it for two weeks. That does no harm to your treatment, and it tells us whether the tablet is the culprit.",
            ),
            p(14 * DAY, "I opened the pickles by myself on day nine."),
            d(
                5 * HOUR,
                "The best test there is. Some women who ache on one tablet do well on its sister: I suggest letrozole 2.5 mg, in the evening. And walking 30 minutes a day is proven to ease this, as odd as it sounds.",
            ),
            p(
                6 * HOUR,
                "I walk to the market every day, I shall walk back the long way. My grandson has collected the letrozole.",
            ),
            d(30 * DAY, "A month has passed, how are the hands?"),
            p(7 * HOUR, "Stiff for ten minutes, then they obey. I can live with this."),
            d(
                2 * HOUR,
                "I am very pleased. Calcium with meals, vitamin D 1,000 units, and a bone density scan, which I have booked, since this group of tablets thins bone.",
            ),
        ],
    },
    Thread {
        patient: 2075,
        physician: IYER,
        specialty: Radiology,
        urgency: Routine,
        status: Completed,
        ended: 3 * DAY + 8 * HOUR,
        description: "I am to have an MRI of my back next week and I panic in closed spaces. I have a metal clip from gallbladder surgery in 2009 and a hearing aid. Last time I pressed the button after two minutes.",
        note: "MRI lumbar spine completed feet first with lorazepam 0.5 mg; clip is MR safe. Report sent to the referring physician.",
        lines: &[
            d(
                75,
                "Mrs Papadopoulos, you are in good company, one person in ten feels this way. First the metal: gallbladder clips from 2009 are titanium and safe. The hearing aid comes out at the door. Any pacemaker, or metal work in the eyes?",
            ),
            p(3 * HOUR, "No pacemaker. I was a seamstress, only pins."),
            d(
                20,
                "Then we have several ways. For the lower back you go in feet first, so your head stays near the opening, in our wide machine, 28 inches. A cloth over the eyes before you move, music, and somebody you trust beside you.",
            ),
            p(50, "My sister can come in? And can I have something to calm me?"),
            d(
                15,
                "Your sister may sit in the room, if she too has no metal. Lorazepam 0.5 mg 45 minutes before; then you may not drive, and please no wine that day. Do you need a walker to be steady?",
            ),
            p(30, "I use a stick, my sister drives. How long will it be?"),
            d(
                10,
                "18 minutes in four parts, and we talk to you between them. You may stop at any time and nobody will sigh.",
            ),
            p(
                6 * DAY,
                "I did it! All four parts. The young man told me each time how many minutes. I sang in my head.",
            ),
            d(
                5 * HOUR,
                "Brava. The pictures are sharp, the report went to Dr Nguyễn an hour ago; she will explain it. I have written on your record what helped, for next time.",
            ),
        ],
    },
];
