//! Primary care.

use chatehr_contract::{
    ConsultationStatus::{Completed, InProgress},
    SpecialtyCode::PrimaryCare,
    Urgency::{Routine, Urgent},
};

use super::{DAY, HOUR, Thread, d, p};
use crate::demo::people::{CASTILLO, NGUYEN, WHITFIELD};

pub(super) const THREADS: &[Thread] = &[
    Thread {
        patient: 2044,
        physician: CASTILLO,
        specialty: PrimaryCare,
        urgency: Urgent,
        status: InProgress,
        ended: 42,
        description: "Desde ayer me arde al orinar y voy al baño cada media hora. Hoy vi un poco de sangre. No tengo fiebre ni dolor de espalda. No estoy embarazada.",
        note: "",
        lines: &[
            d(
                4,
                "Buenas, señora García, soy el Dr. Castillo. Lo que describe parece una infección de la vejiga. ¿Ha tenido otra en los últimos seis meses? ¿Es alérgica a algún medicamento?",
            ),
            p(
                6,
                "Gracias por contestar, doctor. La última fue hace tres años. No soy alérgica a nada que yo sepa.",
            ),
            d(
                3,
                "Gracias. ¿Ha tenido escalofríos, náuseas o flujo distinto de lo normal? ¿Y toma algún medicamento todos los días?",
            ),
            p(5, "No, nada de eso. Solo tomo levotiroxina 50 por la mañana."),
            d(
                5,
                "Bien. Por favor deje una muestra de orina en el laboratorio de la planta baja antes de empezar el antibiótico. Le receté nitrofurantoína de 100 mg, una cápsula cada 12 horas con comida, durante cinco días.",
            ),
            p(
                50,
                "Ya dejé la muestra y tengo las cápsulas. La farmacéutica me dijo que la orina puede ponerse oscura, ¿es cierto?",
            ),
            d(
                7,
                "Sí, amarillo oscuro o marrón, y no es peligroso. Tome bastante agua. Si le da fiebre, dolor en un costado o vómito, llámenos ese mismo día, porque entonces podría estar en el riñón.",
            ),
            p(
                DAY,
                "Hoy ya casi no me arde y no hay sangre. ¿Tengo que terminar las diez cápsulas aunque me sienta bien?",
            ),
            d(
                HOUR,
                "Me alegro mucho. Sí, termine las diez. El cultivo estará listo mañana y le escribo con el resultado.",
            ),
            p(35, "Muchas gracias, doctor. ¿Puedo ir a nadar con mis hijos el fin de semana?"),
        ],
    },
    Thread {
        patient: 2070,
        physician: CASTILLO,
        specialty: PrimaryCare,
        urgency: Routine,
        status: Completed,
        ended: 12 * DAY,
        description: "I am tired all the time, even after nine hours of sleep, and I get out of breath with the stroller. My periods have been heavy since my daughter was born last year.",
        note: "Iron deficiency anemia from heavy periods. Ferrous sulfate every other day for three months, then blood count and ferritin.",
        lines: &[
            d(
                60,
                "Hello Ms Abdi. Heavy periods after a birth and tiredness make me think of iron. Are you craving ice, losing hair, or feeling your heart pound?",
            ),
            p(3 * HOUR, "Ice! My husband laughs at me for chewing it. Hair too."),
            d(
                20,
                "That is a classic sign. Please have a blood count, ferritin and thyroid test, no fasting needed. Any chance that you are pregnant, and are you still breastfeeding?",
            ),
            p(DAY, "Not pregnant, I tested. Breastfeeding only at night. I gave the blood today."),
            d(
                6 * HOUR,
                "Hemoglobin is 9.6, normal would be above 12, and ferritin is 5, so your stores are empty. Thyroid is normal. Please take ferrous sulfate 325 mg every other day with orange juice, two hours away from tea, coffee and milk.",
            ),
            p(50, "Every other day only? I thought more is better."),
            d(
                15,
                "The gut takes up more when it gets a day off, and the stomach complains less. It is safe while breastfeeding. Dark stool is normal. Keep it away from your daughter, iron is dangerous for toddlers.",
            ),
            p(8 * DAY, "I feel a bit better already and the ice is gone. A little constipated."),
            d(
                5 * HOUR,
                "Good news. Two liters of water and a kiwi or prunes each day; if that is not enough, polyethylene glycol is fine. Blood test again in four weeks, and I have asked gynecology to see you about the periods.",
            ),
        ],
    },
    Thread {
        patient: 2100,
        physician: NGUYEN,
        specialty: PrimaryCare,
        urgency: Urgent,
        status: Completed,
        ended: 5 * DAY,
        description: "I lifted a generator two days ago and my lower back locked up. It hurts across the belt line and a little into the right buttock. I can walk but I can't bend or put on socks.",
        note: "Acute mechanical low back pain without red flags. Naproxen for seven days, stayed active, back at work on light duty.",
        lines: &[
            d(
                8,
                "Mr Smith, sorry to hear it. Four questions I ask everybody with a back: any numbness between the legs, trouble passing urine or holding stool, weakness in a foot, or fever?",
            ),
            p(5, "No to all four. Just pain, 7 out of 10 when I move."),
            d(
                4,
                "Good, then this is very likely muscle and joint, and it will settle. Have you ever had a stomach ulcer or kidney trouble?",
            ),
            p(6, "No. And I can't have codeine, I stopped breathing right on it after my knee."),
            d(
                5,
                "Noted, it is on your chart, and we do not need anything of that kind. Naproxen 500 mg twice a day with food for seven days, heat for 20 minutes, and keep walking: ten minutes every two hours beats lying in bed.",
            ),
            p(2 * HOUR, "Got them. My foreman needs a note."),
            d(15, "It is in your portal: no lifting over 10 pounds for one week, then light duty."),
            p(3 * DAY, "Down to a 3. I can put my socks on."),
            d(
                4 * HOUR,
                "Excellent. Stop the naproxen as soon as you can do without. If pain runs below the knee or any of those four signs appears, come the same day.",
            ),
        ],
    },
    Thread {
        patient: 2077,
        physician: WHITFIELD,
        specialty: PrimaryCare,
        urgency: Urgent,
        status: Completed,
        ended: 3 * DAY + 2 * HOUR,
        description: "Very sore throat for two days, 101.8 °F last night, white spots on the tonsils, no cough. My son's class has strep.",
        note: "Streptococcal pharyngitis, rapid test positive. Amoxicillin for ten days; back at work after a day of treatment.",
        lines: &[
            d(
                6,
                "Hello Ms Jackson. Can you swallow water and open your mouth fully? Is your voice muffled or one side much worse?",
            ),
            p(9, "I can swallow but it's like glass. Mouth opens fine, both sides."),
            d(
                3,
                "Fever, spots, no cough and strep in the house: it is likely enough to test. Please come to the walk-in desk for a swab, it takes ten minutes.",
            ),
            p(
                2 * HOUR,
                "Swab done, nurse said positive. What can I take for pain? Ibuprofen gives me hives.",
            ),
            d(
                8,
                "Acetaminophen 1,000 mg every eight hours, never ibuprofen or naproxen for you. And amoxicillin 500 mg twice a day for all ten days. You have had penicillins without trouble before, is that right?",
            ),
            p(5, "Yes, amoxicillin for an ear last year, no problem."),
            d(
                2,
                "Perfect. You are not contagious after 24 hours on it. New toothbrush on day two, and bring your son if his throat hurts.",
            ),
            p(
                DAY + 14 * HOUR,
                "Fever gone this morning, I ate toast. Can I stop at day five like my sister did?",
            ),
            d(
                3 * HOUR,
                "Please do the ten days, even though you will feel well: it protects the heart and kidneys from what strep can do later.",
            ),
        ],
    },
    Thread {
        patient: 2066,
        physician: CASTILLO,
        specialty: PrimaryCare,
        urgency: Urgent,
        status: InProgress,
        ended: 28,
        description: "A stripe of blisters came up yesterday on my left side from the back to under the breast. It burned for two days before that. I had chickenpox as a child. My daughter is seven months pregnant and lives with us.",
        note: "",
        lines: &[
            d(
                4,
                "Ms Begum, a burning stripe on one side with blisters is almost certainly shingles. Are there any blisters on your face, near an eye or on the tip of the nose?",
            ),
            p(7, "No, only on the side. My daughter took a picture for me if you want it."),
            d(
                3,
                "The description is clear enough, please show it to the nurse when you collect the tablets. We are inside the 72 hours in which they work best: valacyclovir 1,000 mg three times a day for seven days, with plenty of water. Do you have any kidney problem?",
            ),
            p(6, "The kidneys are fine. I take only metformin. What about my daughter and the baby?"),
            d(
                4,
                "Ask her whether she had chickenpox or two vaccine doses. If so, she is protected. If she is not sure, her obstetrician should test her this week. Keep the blisters covered, use your own towels, until they have crusted.",
            ),
            p(20, "She had chickenpox with me, both of us in the same summer."),
            d(2, "Then there is no reason to worry for her."),
            p(DAY + 4 * HOUR, "No new blisters, but the burning keeps me awake. Acetaminophen does nothing."),
            d(
                40,
                "That is the nerve. I am adding gabapentin 300 mg at bedtime; it can make you drowsy and unsteady, so a light on the way to the bathroom please, and no driving after it.",
            ),
            p(
                10 * HOUR,
                "I slept five hours. The blisters are getting a yellow crust and a little pus in one place. Is that normal healing?",
            ),
        ],
    },
];
