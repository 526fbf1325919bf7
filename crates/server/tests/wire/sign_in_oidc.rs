//! People who come with a token of the clinic's OpenID provider.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    events::Listener,
    issuer::{API, Issuer, Key, NOW, part, sign_hmac},
    support::{Caller, Clinic, FELDMAN, OKAFOR, send},
};

async fn clinic(issuer: &Issuer) -> Clinic {
    let settings = chatehr_token::Settings::new(issuer.url.clone(), [API]);
    Clinic::standalone(|config| config.oidc = Some(settings)).await
}

#[tokio::test]
async fn a_token_of_the_provider_is_its_person_on_both_surfaces() {
    let key = Key::new("a");
    let issuer = Issuer::open(&[&key]).await;
    let clinic = clinic(&issuer).await;
    let person = |sub: &str, role: &str, others: Value| {
        clinic.caller(sub, &key.sign(&issuer.claims(sub, role, others)))
    };
    let marta = person("account-77", "patient", json!({ "patient_id": "patient-2041" }));
    let okafor = person("physician-12", "provider", json!({ "specialties": "cardiology" }));
    let feldman = person("admin-1", "admin", json!({}));
    // The same people with sessions of this server see the same.
    for (caller, code) in [(&marta, crate::support::MARTA), (&okafor, OKAFOR), (&feldman, FELDMAN)] {
        let other = clinic.sign_in(code).await;
        for path in ["/consultations?limit=100", "/appointments", "/patients?limit=100"] {
            let shown = caller.get(path).await;
            assert_eq!((shown.status, &shown.json), (200, &other.get(path).await.json), "{path}");
            assert!(!shown.ids().is_empty());
            let wrapped = caller.api().get(path).await.json["data"].clone();
            assert_eq!(wrapped, other.api().get(path).await.json["data"], "{path}");
        }
    }
    let session = marta.api().get("/session").await.json["data"].clone();
    assert_eq!((&session["id"], &session["role"]), (&json!("patient-2041"), &json!("patient")));
    assert_eq!(session["expiresAt"], "2026-11-23T10:42:00.000Z");
    let id = marta_asks(&marta).await;
    assert_eq!(okafor.api().to(&id, "assigned").await.json["data"]["physicianId"], "physician-12");
    assert_eq!(okafor.say(&id, "patient-2041", "Good morning").await.json["fromId"], "physician-12");
    assert_eq!(feldman.get(&format!("/messages?consultationId={id}")).await.status, 403);
}

async fn marta_asks(marta: &Caller) -> String {
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" });
    marta.post("/consultations", body).await.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_is_not_good_is_nobodys_and_nothing_is_told() {
    let (key, other) = (Key::new("a"), Key::new("a"));
    let issuer = Issuer::open(&[&key]).await;
    let clinic = clinic(&issuer).await;
    let claims = |others: Value| issuer.claims("physician-12", "physician", others);
    let good = key.sign(&claims(json!({})));
    assert_eq!(clinic.caller("", &good).get("/consultations").await.status, 200);
    let none = format!("{}.{}.", part(&json!({ "alg": "none", "typ": "at+jwt" })), part(&claims(json!({}))));
    let (header, hs256) = (
        json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" }),
        json!({ "alg": "HS256", "kid": "a", "typ": "at+jwt" }),
    );
    let hmac = |secret: String| sign_hmac(&hs256, &claims(json!({})), &secret);
    let twice = |text: &str, other: &str| {
        let once = claims(json!({ "sub": "physician-12" })).to_string();
        assert!(once.contains(text), "{once}");
        key.sign_text(&header, &once.replacen(text, &format!("{other},{text}"), 1))
    };
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let swapped = format!("{head}.{}.{signature}", part(&claims(json!({ "roles": ["admin"] }))));
    let patient = |others: Value| issuer.claims("account-77", "patient", others);
    let bad = [
        ("expired", key.sign(&claims(json!({ "iat": NOW - 7200, "exp": NOW - 61 })))),
        ("not yet valid", key.sign(&claims(json!({ "nbf": NOW + 120 })))),
        ("without end", key.sign(&claims(json!({ "exp": null })))),
        ("for another", key.sign(&claims(json!({ "aud": "https://elsewhere.test" })))),
        ("for nobody", key.sign(&claims(json!({ "aud": null })))),
        ("of another issuer", key.sign(&claims(json!({ "iss": "https://elsewhere.test" })))),
        (
            "an ID token",
            key.sign_under(
                &json!({ "alg": "ES256", "kid": "a" }),
                &claims(json!({ "client_id": null, "nonce": "n" })),
            ),
        ),
        ("alg none", none),
        ("HS256 over a signature of another kind", key.sign_under(&hs256, &claims(json!({})))),
        ("HS256 by the public key as PEM", hmac(key.public_pem())),
        ("HS256 by the public key as a JWK", hmac(key.jwk().to_string())),
        ("a role that stands twice", twice(r#""roles":["physician"]"#, r#""roles":["nurse"]"#)),
        ("a person that stands twice", twice(r#""sub":"physician-12""#, r#""sub":"physician-13""#)),
        ("a physician who is nobody", key.sign(&claims(json!({ "sub": null })))),
        ("changed", swapped),
        ("another's key under the same name", other.sign(&claims(json!({})))),
        ("no role", key.sign(&claims(json!({ "roles": null })))),
        ("a role that is none", key.sign(&claims(json!({ "roles": ["porter"] })))),
        (
            "two roles",
            key.sign(&claims(json!({ "roles": ["physician", "admin"], "patient_id": "patient-2041" }))),
        ),
        ("a patient without a record", key.sign(&patient(json!({})))),
        ("a patient with an empty record", key.sign(&patient(json!({ "patient_id": " " })))),
        ("two dots", "a.b.c".to_owned()),
        ("nothing between dots", "..".to_owned()),
        ("long", "a".repeat(20_000)),
    ];
    let mut answers = Vec::new();
    for (name, token) in &bad {
        for caller in [clinic.caller("", token), clinic.caller("", token).api()] {
            for (method, path) in
                [(Method::GET, "/consultations"), (Method::GET, "/events"), (Method::POST, "/consultations")]
            {
                let reply = send(caller.request(method, path)).await;
                assert_eq!(reply.status, 401, "{name} {path}");
                assert!(reply.headers.contains_key("www-authenticate"), "{name}");
                let mut answer = reply.json;
                if let Some(error) = answer["error"].as_object_mut() {
                    error.remove("requestId");
                }
                answers.push(answer.to_string());
            }
        }
    }
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(answers.len(), 2, "the same for every reason, once for each surface: {answers:?}");
}

#[tokio::test]
async fn a_physician_whose_token_names_no_specialty_has_the_directorys() {
    let key = Key::new("a");
    let issuer = Issuer::open(&[&key]).await;
    let clinic = clinic(&issuer).await;
    let okafor =
        clinic.caller("physician-12", &key.sign(&issuer.claims("physician-12", "physician", json!({}))));
    let stranger =
        clinic.caller("physician-x", &key.sign(&issuer.claims("physician-x", "physician", json!({}))));
    let marta = clinic.sign_in(crate::support::MARTA).await;
    let mut heard = Listener::of(&okafor, None).await;
    let skin = marta.ask("dermatology", "urgent").await;
    let heart = marta.ask("cardiology", "urgent").await;
    assert!(okafor.get("/consultations?status=pending&limit=100").await.ids().contains(&heart.as_str()));
    assert_eq!(heard.next().await.data["consultationId"], json!(heart), "and hears of the same pools");
    assert_eq!(okafor.get(&format!("/consultations/{skin}")).await.status, 404);
    assert!(stranger.get("/consultations?limit=100").await.ids().is_empty(), "who is not in it has none");
    let on_call = json!({ "onCall": true });
    assert_eq!(stranger.put("/physicians/me/availability", on_call).await.status, 404);
}

#[tokio::test]
async fn without_the_provider_known_keys_go_on_and_unknown_ones_wait() {
    let (known, later) = (Key::new("a"), Key::new("b"));
    let issuer = Issuer::open(&[&known]).await;
    let clinic = clinic(&issuer).await;
    let token =
        |key: &Key, jti: &str| key.sign(&issuer.claims("physician-12", "physician", json!({ "jti": jti })));
    issuer.is_up(false);
    let early = clinic.caller("", &token(&known, "0")).api().get("/consultations").await;
    assert_eq!(
        (early.status, early.code()),
        (503, "UNAVAILABLE"),
        "nobody is let in and nobody is told that they are wrong"
    );
    issuer.is_up(true);
    clinic.pass(11);
    assert_eq!(clinic.caller("", &token(&known, "1")).get("/consultations").await.status, 200);
    issuer.publish(&later);
    issuer.is_up(false);
    clinic.pass(11);
    let unknown = clinic.caller("", &token(&later, "2"));
    assert_eq!(unknown.get("/consultations").await.status, 503);
    assert_eq!(clinic.caller("", &token(&known, "3")).get("/consultations").await.status, 200);
    assert_eq!(
        clinic.sign_in(OKAFOR).await.get("/consultations").await.status,
        200,
        "sessions of ours need no provider"
    );
    issuer.is_up(true);
    clinic.pass(11);
    assert_eq!(unknown.get("/consultations").await.status, 200);
}

#[tokio::test]
async fn a_stream_ends_with_the_providers_token() {
    let key = Key::new("a");
    let issuer = Issuer::open(&[&key]).await;
    let clinic = clinic(&issuer).await;
    let okafor = clinic
        .caller("", &key.sign(&issuer.claims("physician-12", "physician", json!({ "exp": NOW + 600 }))));
    clinic.pass(599);
    let mut listener = Listener::of(&okafor, None).await;
    assert_eq!(listener.raw().await, None, "a second later");
    clinic.pass(60 + 1);
    assert_eq!(okafor.get("/consultations").await.status, 401);
}

#[tokio::test]
async fn whose_idempotency_key_it_is_follows_from_the_person_and_not_from_the_token() {
    let key = Key::new("a");
    let issuer = Issuer::open(&[&key]).await;
    let clinic = clinic(&issuer).await;
    let marta = |jti: &str| {
        let claims =
            issuer.claims("account-77", "patient", json!({ "patient_id": "patient-2041", "jti": jti }));
        clinic.caller("patient-2041", &key.sign(&claims))
    };
    let body = json!({ "patientId": "patient-2041", "specialty": "cardiology", "description": "x" });
    let ask = async |caller: Caller| {
        let request =
            caller.request(Method::POST, "/consultations").header("Idempotency-Key", "k").json(&body);
        send(request).await.json["id"].clone()
    };
    let first = ask(marta("1")).await;
    assert_eq!(ask(marta("2")).await, first, "after a token is renewed a repeat is still a repeat");
}
