//! Who works at Riverside Clinic and who comes to it.

use chatehr_contract::{
    Account, Availability, Patient, PersonId, PersonName, Physician, Role,
    Sex::{self, Female, Male, Other},
    SpecialtyCode::{self, *},
    Timestamp,
};

use super::midnight;

pub(super) const OKAFOR: u32 = 12;
pub(super) const LINDQVIST: u32 = 13;
pub(super) const RAHMAN: u32 = 14;
pub(super) const CASTILLO: u32 = 15;
pub(super) const NGUYEN: u32 = 16;
pub(super) const WEISS: u32 = 17;
pub(super) const ADEYEMI: u32 = 18;
pub(super) const KOWALCZYK: u32 = 19;
pub(super) const OSULLIVAN: u32 = 20;
pub(super) const TANAKA: u32 = 21;
pub(super) const HADDAD: u32 = 22;
pub(super) const BRANDT: u32 = 23;
pub(super) const IYER: u32 = 24;
pub(super) const WHITFIELD: u32 = 25;

/// Number, given names, family name, specialties, on call.
type PhysicianRow = (u32, &'static [&'static str], &'static str, &'static [SpecialtyCode], bool);

const PHYSICIANS: &[PhysicianRow] = &[
    (OKAFOR, &["Amara"], "Okafor", &[Cardiology], true),
    (LINDQVIST, &["Elin"], "Lindqvist", &[Cardiology], false),
    (RAHMAN, &["Nusrat"], "Rahman", &[Pulmonology, PrimaryCare], true),
    (CASTILLO, &["Diego"], "Castillo", &[PrimaryCare], true),
    (NGUYEN, &["Thị", "Hoa"], "Nguyễn", &[Endocrinology, PrimaryCare], false),
    (WEISS, &["Hannah"], "Weiss", &[Dermatology], false),
    (ADEYEMI, &["Folarin"], "Adeyemi", &[Gastroenterology], false),
    (KOWALCZYK, &["Piotr"], "Kowalczyk", &[Neurology], true),
    (OSULLIVAN, &["Siobhán"], "O'Sullivan", &[Oncology], false),
    (TANAKA, &["Kenji"], "Tanaka", &[Orthopedics], false),
    (HADDAD, &["Rania"], "Haddad", &[Pediatrics], true),
    (BRANDT, &["Marcus"], "Brandt", &[Psychiatry], false),
    (IYER, &["Lakshmi"], "Iyer", &[Radiology], false),
    (WHITFIELD, &["James"], "Whitfield", &[Pediatrics, PrimaryCare], false),
];

/// When somebody was born: a date, or so many days ago where their age is part of their story.
enum Born {
    On(&'static str),
    DaysAgo(i64),
}
use Born::{DaysAgo, On};

/// Number, given names, family name, birth, sex, language, allergies.
type PatientRow =
    (u32, &'static [&'static str], &'static str, Born, Sex, &'static str, &'static [&'static str]);

#[rustfmt::skip] // one patient, one line
const PATIENTS: &[PatientRow] = &[
    (2041, &["Marta"], "Szymańska", On("1959-03-14"), Female, "en", &["penicillin"]),
    (2042, &["Harold", "James"], "Whitaker", On("1941-07-02"), Male, "en", &[]),
    (2043, &["Quốc", "Bảo"], "Trần", On("1967-11-19"), Male, "vi", &[]),
    (2044, &["Lucía"], "García Márquez", On("1974-05-23"), Female, "es", &[]),
    (2045, &["Cillian"], "Ó Briain", On("1988-09-30"), Male, "en", &[]),
    (2046, &["Denise"], "Johnson", On("1962-02-08"), Female, "en", &["aspirin"]),
    (2047, &["Jelena"], "Petrović", On("1979-12-27"), Female, "sr", &["latex"]),
    (2048, &["Wulandari"], "", On("1983-04-21"), Female, "id", &[]),
    (2049, &["ليلى"], "الخطيب", On("1990-08-15"), Female, "ar", &[]),
    (2050, &["Maria Antónia", "Francisca", "Guilhermina"], "Vasconcelos de Albuquerque Cavalcanti e Figueiredo", DaysAgo(27_500), Female, "pt", &[]),
    (2051, &["Åse"], "Andersson-Bjørnstad", DaysAgo(33_000), Female, "en", &[]),
    (2052, &["Jürgen"], "Schäfer-Groß", On("1955-06-11"), Male, "de", &["codeine"]),
    (2053, &["Chidinma"], "Okonkwo", On("1996-10-04"), Female, "en", &[]),
    (2054, &["Ji-woo"], "Kim", On("2001-01-17"), Female, "ko", &[]),
    (2055, &["Rajesh"], "Patel", On("1958-03-29"), Male, "gu", &["sulfonamides"]),
    (2056, &["Miriam"], "Goldberg", DaysAgo(35_200), Female, "en", &[]),
    (2057, &["Tyrone"], "Washington", On("1970-09-12"), Male, "en", &["ACE inhibitors"]),
    (2058, &["Ekaterina", "Sergeevna"], "Ivanova", On("1991-07-25"), Female, "ru", &[]),
    (2059, &["José", "Antonio"], "de la Cruz", On("1949-12-01"), Male, "es", &["penicillin"]),
    (2060, &["Wei"], "Chen", On("1992-05-06"), Male, "zh", &[]),
    (2061, &["Élodie"], "Dubois", On("1986-11-13"), Female, "fr", &[]),
    (2062, &["Fiona"], "McAllister", On("1964-08-20"), Female, "en", &["iodinated contrast"]),
    (2063, &["Selam"], "Haile", On("1998-02-28"), Female, "am", &[]),
    (2064, &["Çağlar"], "Yılmaz", On("1977-10-18"), Male, "tr", &[]),
    (2065, &["Ágnes"], "Kovács", DaysAgo(30_100), Female, "hu", &[]),
    (2066, &["Shahida"], "Begum", On("1969-01-09"), Female, "bn", &[]),
    (2067, &["Giulia"], "Rossi", On("2005-06-30"), Female, "it", &["cephalosporins"]),
    (2068, &["Earl"], "Thompson", On("1938-04-05"), Male, "en", &["penicillin"]),
    (2069, &["Tomáš"], "Novák", DaysAgo(16_500), Male, "cs", &[]),
    (2070, &["Hodan"], "Abdi", On("1994-03-22"), Female, "so", &[]),
    (2071, &["Robert"], "Lee", On("1953-09-07"), Male, "en", &[]),
    (2072, &["Leilani"], "Kealoha", On("1961-12-16"), Female, "en", &["shellfish"]),
    (2073, &["Thomas"], "Begay", On("1965-05-31"), Male, "nv", &[]),
    (2074, &["Harpreet"], "Singh", On("1975-08-02"), Male, "pa", &[]),
    (2075, &["Eleni"], "Papadopoulos", On("1946-02-14"), Female, "el", &["metronidazole", "adhesive tape"]),
    (2076, &["Pieter"], "van der Berg", DaysAgo(24_200), Male, "nl", &[]),
    (2077, &["Latoya"], "Jackson", On("1989-07-19"), Female, "en", &["ibuprofen", "naproxen"]),
    (2078, &["Wanjiru"], "Mwangi", On("1991-11-03"), Female, "sw", &[]),
    (2079, &["Ximena"], "Castellanos Ruiz", On("2003-04-26"), Female, "es", &[]),
    (2080, &["Patrick"], "Fitzgerald", On("1947-10-29"), Male, "en", &[]),
    (2081, &["Rosa"], "Hernández", On("1956-06-08"), Female, "es", &["sulfonamides"]),
    (2082, &["Søren"], "Jørgensen", On("1979-01-24"), Male, "da", &[]),
    (2083, &["Ștefan"], "Popescu", On("1984-09-15"), Male, "ro", &[]),
    (2084, &["David"], "Cohen", On("1971-03-11"), Male, "en", &[]),
    (2085, &["Gloria"], "Williams", On("1943-12-05"), Female, "en", &["nitrofurantoin"]),
    (2086, &["Haruto"], "Nakamura", On("1999-05-18"), Male, "ja", &[]),
    (2087, &["Kevin"], "Brown", On("1990-08-27"), Male, "en", &[]),
    (2088, &["Shanice"], "Carter", On("1993-02-02"), Female, "en", &["peanuts"]),
    (2089, &["Mateo"], "Martínez", DaysAgo(198), Male, "es", &[]),
    (2090, &["Ava"], "Johnson", DaysAgo(880), Female, "en", &["amoxicillin"]),
    (2091, &["An"], "Nguyễn", DaysAgo(1_600), Other, "vi", &[]),
    (2092, &["Liam"], "O'Connor", DaysAgo(2_400), Male, "en", &["peanuts", "tree nuts"]),
    (2093, &["Zainab"], "Ahmed", DaysAgo(3_050), Female, "ur", &[]),
    (2094, &["Zofia"], "Kowalski", DaysAgo(4_180), Female, "pl", &[]),
    (2095, &["Jayden"], "Robinson", DaysAgo(5_250), Male, "en", &["tree nuts"]),
    (2096, &["Lena"], "Müller", DaysAgo(5_960), Female, "de", &[]),
    (2097, &["Ezra"], "Baptiste", DaysAgo(470), Male, "ht", &[]),
    (2098, &["Seo-yeon"], "Park", DaysAgo(3_500), Female, "ko", &[]),
    (2099, &["Jean-Baptiste"], "Delacroix", On("1945-07-14"), Male, "fr", &["aspirin"]),
    (2100, &["John"], "Smith", On("1968-11-22"), Male, "en", &["codeine"]),
];

/// The numbers of those under 18.
pub(super) const CHILDREN: std::ops::RangeInclusive<u32> = 2089..=2098;

/// `patient-2041`.
pub(super) fn patient_id(number: u32) -> PersonId {
    PersonId::new(format!("patient-{number}"))
}

/// `physician-12`.
pub(super) fn physician_id(number: u32) -> PersonId {
    PersonId::new(format!("physician-{number}"))
}

/// The one administrator.
pub(super) fn admin_id() -> PersonId {
    PersonId::new("admin-1")
}

fn name(given: &[&str], family: &str) -> PersonName {
    PersonName { family: family.to_owned(), given: given.iter().map(|&part| part.to_owned()).collect() }
}

pub(super) fn patients(now: Timestamp) -> Vec<Patient> {
    PATIENTS
        .iter()
        .map(|(number, given, family, born, sex, language, allergies)| Patient {
            id: patient_id(*number),
            name: name(given, family),
            birth_date: match born {
                On(date) => (*date).to_owned(),
                DaysAgo(days) => {
                    let day = midnight(now).plus_seconds(-days * 86_400).to_string();
                    day.split_once('T').map_or_else(String::new, |(date, _)| date.to_owned())
                }
            },
            sex: *sex,
            language: Some((*language).to_owned()),
            allergies: allergies.iter().map(|&substance| substance.to_owned()).collect(),
        })
        .collect()
}

pub(super) fn physicians() -> Vec<Physician> {
    PHYSICIANS
        .iter()
        .map(|(number, given, family, specialties, on_call)| Physician {
            id: physician_id(*number),
            name: name(given, family),
            specialties: specialties.to_vec(),
            on_call: *on_call,
            availability: Availability::Available,
        })
        .collect()
}

/// Those whom the sign-in screen offers.
pub(super) fn accounts(patients: &[Patient], physicians: &[Physician]) -> Vec<Account> {
    let of_physician = |code: &str, number| {
        let physician = physicians.iter().find(|physician| physician.id == physician_id(number))?;
        Some(Account {
            code: code.to_owned(),
            id: physician.id.clone(),
            role: Role::Physician,
            name: physician.name.clone(),
            specialties: physician.specialties.clone(),
            delegates_for: None,
        })
    };
    let of_patient = |code: &str, number| {
        let patient = patients.iter().find(|patient| patient.id == patient_id(number))?;
        Some(Account {
            code: code.to_owned(),
            id: patient.id.clone(),
            role: Role::Patient,
            name: patient.name.clone(),
            specialties: Vec::new(),
            delegates_for: None,
        })
    };
    let admin = Account {
        code: "918364".to_owned(),
        id: admin_id(),
        role: Role::Admin,
        name: name(&["Ruth"], "Feldman"),
        specialties: Vec::new(),
        delegates_for: None,
    };
    let nurse = Account {
        code: "537064".to_owned(),
        id: PersonId::new("nurse-3"),
        role: Role::Nurse,
        name: name(&["Abena"], "Mensah"),
        specialties: vec![Cardiology],
        delegates_for: Some(physician_id(OKAFOR)),
    };
    [
        of_physician("482913", OKAFOR),
        of_physician("615208", LINDQVIST),
        of_patient("205117", 2041),
        of_patient("730442", 2044),
        Some(admin),
        Some(nurse),
    ]
    .into_iter()
    .flatten()
    .collect()
}
