//! Spanish, as a clinic in the United States speaks to an adult: usted, short sentences.

use chatehr_contract::{AppointmentStatus, ConsultationStatus, SpecialtyCode, Urgency};
use chatehr_ui::time::Local;

use super::{Pair, Words, name_of, pair, twelve_hours};
use crate::flow::Trouble;

pub(super) const WORDS: Words = Words {
    tag: "es-US",
    name: "Español",
    text_normal: "Letra normal",
    text_large: "Letra más grande",
    language_label: "Idioma",
    text_size_label: "Tamaño de la letra",

    welcome: "Le damos la bienvenida",
    purpose: "Pida ayuda a un médico, o consulte sus citas y mensajes.",
    touch_to_start: "Toque para comenzar",
    one_moment: "Un momento…",
    in_danger: "Si es una emergencia, avise ahora mismo al personal o llame al 911.",
    closed: |trouble| match trouble {
        Trouble::NoConnection | Trouble::Busy => pair(
            "Este quiosco no tiene conexión",
            "Ahora no puede recibir solicitudes. Por favor, vaya a la recepción.",
        ),
        _ => pair(
            "Este quiosco no funciona",
            "Ahora no puede recibir solicitudes. Por favor, vaya a la recepción.",
        ),
    },

    code: pair("Escriba su código", "En la recepción le dieron un código de seis números."),
    code_label: "Código de seis números",
    show_code: "Ver código",
    number_pad: "Teclado numérico",
    rub: "Borrar el último número",
    sign_in: "Continuar",
    signing_in: "Comprobando su código…",

    hello: |name| if name.is_empty() { "Hola".to_owned() } else { format!("Hola, {name}") },
    need: "¿Qué necesita?",
    need_request: pair("Pedir un médico", "Cuéntenos qué le pasa. Lo leerá un médico."),
    need_appointments: pair("Mis citas", "Cuándo viene usted y quién le atenderá."),
    need_messages: pair("Mis mensajes", "Lo que le han escrito sus médicos."),
    not_you: |name| format!("¿Usted no es {name}? Toque Terminar y avise al personal."),
    finish: "Terminar",

    progress: |step| format!("Paso {step} de 5"),
    not_sent: "Aún no se ha enviado",
    back: "Atrás",
    start_over: "Volver a empezar",
    erase: pair("¿Volver a empezar?", "Se borrará lo que ha escrito para esta solicitud."),
    erase_yes: "Borrar y volver a empezar",
    erase_no: "Conservar lo escrito",

    about: pair("¿De qué se trata?", "Elija lo más parecido. Si no está seguro, elija la primera opción."),
    specialty: |code| match code {
        SpecialtyCode::PrimaryCare => pair("Otra cosa, o no estoy seguro", "Atención primaria"),
        SpecialtyCode::Cardiology => pair("Corazón y presión arterial", "Cardiología"),
        SpecialtyCode::Dermatology => pair("Piel, pelo y uñas", "Dermatología"),
        SpecialtyCode::Endocrinology => pair("Diabetes, tiroides, hormonas", "Endocrinología"),
        SpecialtyCode::Gastroenterology => pair("Estómago, intestino e hígado", "Gastroenterología"),
        SpecialtyCode::Neurology => pair("Cabeza, nervios y cerebro", "Neurología"),
        SpecialtyCode::Oncology => pair("Cáncer", "Oncología"),
        SpecialtyCode::Orthopedics => pair("Huesos y articulaciones", "Ortopedia"),
        SpecialtyCode::Pediatrics => pair("Niños y adolescentes", "Pediatría"),
        SpecialtyCode::Psychiatry => pair("Ánimo, sueño y salud mental", "Psiquiatría"),
        SpecialtyCode::Pulmonology => pair("Pulmones y respiración", "Neumología"),
        SpecialtyCode::Radiology => pair("Radiografías y otras imágenes", "Radiología"),
        SpecialtyCode::Other(_) => pair("Otra especialidad", "Especialista"),
    },
    how_soon: pair(
        "¿Con qué urgencia necesita ayuda?",
        "Su respuesta la leerá un médico. Puede cambiarla antes de enviarla.",
    ),
    urgency: |urgency| match urgency {
        Urgency::Emergency => pair(
            "Es una emergencia",
            "Dolor en el pecho, dificultad para respirar, mucha sangre. Le mostramos qué hacer ahora.",
        ),
        Urgency::Urgent | Urgency::Other(_) => pair(
            "Hoy, por favor",
            "Va a peor, o estoy preocupado. Un médico responderá en cuanto esté libre.",
        ),
        Urgency::Routine => pair("Puede esperar", "Una pregunta, una receta, un resultado. Sin prisa."),
    },
    emergency: pair(
        "Avise ahora al personal o llame al 911",
        "No espere una respuesta en esta pantalla. Hable con la persona del personal más cercana, o pida a alguien que lo haga por usted.",
    ),
    emergency_signs: "Dolor en el pecho, dificultad para respirar, mucha sangre, debilidad en la cara o en un brazo, ideas de quitarse la vida: necesita a una persona a su lado ahora mismo.",
    told_staff: "Ya avisé al personal: continuar",
    go_back: "Volver",
    describe: pair(
        "Cuéntenos qué le pasa",
        "Escríbalo con sus propias palabras. Un médico leerá exactamente esto.",
    ),
    describe_label: "Qué le pasa",
    examples_head: "Nos ayuda saber",
    examples: [
        "qué siente y dónde",
        "cuándo empezó y si va a peor",
        "qué medicinas toma y si tiene alergias",
    ],
    left: |count| match count {
        1 => "Queda 1 carácter".to_owned(),
        count => format!("Quedan {count} caracteres"),
    },
    over: |count| match count {
        1 => "Sobra 1 carácter".to_owned(),
        count => format!("Sobran {count} caracteres"),
    },
    next: "Siguiente: revisar",
    review: pair("¿Está todo bien?", "No se envía nada hasta que toque «Enviar ahora»."),
    review_about: "De qué se trata",
    review_how_soon: "Con qué urgencia",
    review_describe: "Qué le pasa",
    change: "Cambiar",
    send: "Enviar ahora",
    sending: "Enviando…",
    receipt: "Hemos recibido su solicitud",
    next_step: |urgency| match urgency {
        Urgency::Emergency => pair(
            "Quédese donde el personal pueda verle",
            "Estamos avisando a un médico. Si empeora, avise enseguida al personal o llame al 911.",
        ),
        Urgency::Urgent | Urgency::Other(_) => pair(
            "Por favor, quédese en la clínica",
            "Un médico responderá en cuanto esté libre. Si empeora, avise enseguida al personal.",
        ),
        Urgency::Routine => pair(
            "No hace falta que espere aquí",
            "Un médico leerá su solicitud. Encontrará la respuesta aquí, en Mis mensajes, o pregunte en la recepción.",
        ),
    },
    reference: "Referencia",
    received: "Recibida",
    more: "Necesito algo más",

    appointments: "Mis citas",
    no_appointments: pair("No tiene ninguna cita próxima", "En la recepción le pueden dar una."),
    doctor,
    appointment_with: |name| format!("Con {}", doctor(name)),
    appointment_alone: "Pregunte en la recepción quién le atenderá",
    minutes: |count| match count {
        1 => "1 minuto".to_owned(),
        count => format!("{count} minutos"),
    },
    appointment_status: |status| match status {
        AppointmentStatus::Proposed => "Propuesta",
        AppointmentStatus::Pending => "Sin confirmar",
        AppointmentStatus::Booked => "Confirmada",
        AppointmentStatus::Arrived => "Ya registramos su llegada",
        AppointmentStatus::Fulfilled => "Realizada",
        AppointmentStatus::Cancelled => "Cancelada",
        AppointmentStatus::NoShow => "No se presentó",
        AppointmentStatus::Other(_) => "Pregunte en la recepción",
    },
    messages: "Mis mensajes",
    no_messages: pair("No tiene mensajes", "Cuando un médico le escriba, lo verá aquí."),
    consultation_status: |status| match status {
        ConsultationStatus::Pending => "A la espera de un médico",
        ConsultationStatus::Assigned => "La tiene un médico",
        ConsultationStatus::InProgress => "Un médico la está atendiendo",
        ConsultationStatus::Completed => "Terminada",
        ConsultationStatus::Cancelled => "Cancelada",
        ConsultationStatus::Other(_) => "Pregunte en la recepción",
    },
    you: "Usted",
    clinic: "La clínica",
    sealed: "Este mensaje está cifrado y no se puede abrir en este quiosco. Pregunte en la recepción.",
    unreadable: "Este mensaje está dañado y no se puede mostrar. Pregunte en la recepción.",
    reading: "Un momento, estamos buscando…",
    try_again: "Intentar de nuevo",

    trouble,
    not_taken: |trouble| match trouble {
        Trouble::Busy => pair(
            "No se pudo enviar su solicitud",
            "Lo que escribió sigue aquí. Inténtelo de nuevo en un momento o vaya a la recepción.",
        ),
        Trouble::SessionOver => pair(
            "Su tiempo con este código ha terminado y quizá la solicitud no se haya enviado",
            "Por favor, vaya a la recepción. Allí le ayudarán enseguida o le darán un código nuevo.",
        ),
        Trouble::NoConnection => pair(
            "Su solicitud todavía no se ha enviado",
            "No hay conexión. El quiosco vuelve a intentarlo mientras usted esté aquí. Si no puede esperar, vaya a la recepción.",
        ),
        Trouble::Unsure => pair(
            "Puede que su solicitud haya llegado",
            "Se perdió la respuesta. El quiosco sigue preguntando mientras usted esté aquí; no contará dos veces. Si no puede esperar, dígalo en la recepción.",
        ),
        _ => pair(
            "Su solicitud no se ha enviado",
            "Lo que escribió sigue aquí. El quiosco vuelve a intentarlo, o puede ir a la recepción.",
        ),
    },
    support_code: |code| format!("Para el personal: {code}"),

    still_there: "¿Sigue usted ahí?",
    still_there_more: "Para proteger su privacidad, esta pantalla se va a borrar.",
    still_there_sent: "Su solicitud se ha enviado. Para proteger su privacidad, esta pantalla se va a borrar.",
    still_here: "Sigo aquí",
    seconds: "segundos",

    day: |at: Local| {
        let day = name_of(&DAYS, Some(at.weekday));
        let month = name_of(&MONTHS, at.month.checked_sub(1));
        format!("{day}, {} de {month}", at.day)
    },
    clock: |at: Local| twelve_hours(at, "a.m.", "p.m."),
};

/// The records do not say which of the two it is.
fn doctor(name: &str) -> String {
    format!("Dr./Dra.\u{a0}{name}")
}

fn trouble(trouble: Trouble) -> Pair {
    match trouble {
        Trouble::WrongCode => pair(
            "Ese código no funciona",
            "Revise los seis números y escríbalos otra vez. Si no funciona, pida otro código al personal.",
        ),
        Trouble::ShortCode => pair("El código tiene seis números", "Escriba los números que faltan."),
        Trouble::NothingWritten => pair(
            "Todavía no hay nada escrito",
            "Escriba unas palabras sobre lo que le pasa y toque Siguiente.",
        ),
        Trouble::TooLong => {
            pair("Es demasiado largo para enviarlo", "Por favor, acórtelo y toque Siguiente.")
        }
        Trouble::NoConnection => {
            pair("No hay conexión", "Inténtelo de nuevo en un momento o vaya a la recepción.")
        }
        Trouble::Unsure => {
            pair("Todavía no se sabe si ha llegado", "Espere un momento o vaya a la recepción.")
        }
        Trouble::Busy => pair(
            "El sistema de la clínica está muy ocupado",
            "Espere un minuto e inténtelo de nuevo, o vaya a la recepción.",
        ),
        Trouble::SessionOver => {
            pair("Su tiempo con este código ha terminado", "Toque Terminar y pida otro código al personal.")
        }
        Trouble::OutOfOrder => {
            pair("Algo ha fallado de nuestra parte", "Inténtelo de nuevo o vaya a la recepción.")
        }
    }
}

const DAYS: [&str; 7] = ["domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"];
const MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
