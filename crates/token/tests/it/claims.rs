use chatehr_contract::{Role, Timestamp};
use chatehr_token::Refusal;
use serde_json::{Value, json};

use crate::support::{API, Clinic, EC_A, NOW, Pair, RSA_A};

/// The verdict on claims that differ from good ones in `others`.
async fn refused(clinic: &Clinic, pair: Pair, others: Value) -> Refusal {
    clinic.refusal(&pair.sign(&clinic.claims_with(others))).await
}

#[tokio::test]
async fn the_issuer_is_ours_to_the_letter() {
    let clinic = Clinic::open(&[EC_A]).await;
    let ours = clinic.issuer();
    for issuer in [
        json!(null),
        json!(""),
        json!(format!("{ours}/")),
        json!(ours.to_uppercase()),
        json!(ours.replace("clinic", "other")),
        json!([ours]),
        json!(1),
    ] {
        assert_eq!(refused(&clinic, EC_A, json!({ "iss": issuer })).await, Refusal::Issuer, "{issuer}");
    }
}

#[tokio::test]
async fn a_token_for_others_is_refused_and_one_for_us_among_others_is_not() {
    let clinic = Clinic::with(&[EC_A], |settings| settings.audiences.push("urn:second".into())).await;
    for audience in [
        json!(null),
        json!(""),
        json!([]),
        json!("chatehr-desktop"),
        json!(format!("{API}/")),
        json!([["urn:second"]]),
        json!({ API: API }),
    ] {
        assert_eq!(refused(&clinic, EC_A, json!({ "aud": audience })).await, Refusal::Audience, "{audience}");
    }
    for audience in [json!(API), json!("urn:second"), json!(["account", API]), json!([3, API])] {
        clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ "aud": audience })))).await;
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_the_skew() {
    let clinic = Clinic::open(&[EC_A]).await;
    let remembered = EC_A.sign(&clinic.claims());
    clinic.accepted(&remembered).await;
    clinic.pass(3600 + 59);
    clinic.accepted(&remembered).await;
    clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ "jti": "unseen" })))).await;
    clinic.pass(1);
    assert_eq!(clinic.refusal(&remembered).await, Refusal::Expired);
    assert_eq!(refused(&clinic, EC_A, json!({ "jti": "unseen too" })).await, Refusal::Expired);
}

#[tokio::test]
async fn a_token_begins_with_its_time_less_the_skew() {
    let clinic = Clinic::open(&[EC_A]).await;
    for name in ["nbf", "iat"] {
        clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ name: NOW + 60 })))).await;
        assert_eq!(refused(&clinic, EC_A, json!({ name: NOW + 61 })).await, Refusal::NotYetValid, "{name}");
        assert_eq!(refused(&clinic, EC_A, json!({ name: "soon" })).await, Refusal::Malformed, "{name}");
    }
}

#[tokio::test]
async fn a_token_that_lasts_for_ever_or_too_long_is_refused() {
    let clinic = Clinic::open(&[EC_A]).await;
    assert_eq!(refused(&clinic, EC_A, json!({ "exp": null })).await, Refusal::NoExpiry);
    for exp in [json!("1800000000"), json!(true), json!(-1), json!(1e300), json!(i64::MAX), json!([NOW + 60])]
    {
        assert_eq!(refused(&clinic, EC_A, json!({ "exp": exp })).await, Refusal::Malformed, "{exp}");
    }
    let day = 24 * 3600;
    clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ "exp": NOW + day })))).await;
    assert_eq!(refused(&clinic, EC_A, json!({ "exp": NOW + day + 1 })).await, Refusal::TooLongLived);
    assert_eq!(
        refused(&clinic, EC_A, json!({ "exp": NOW + 60, "iat": NOW - day })).await,
        Refusal::TooLongLived
    );
    clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ "exp": NOW + day, "iat": null })))).await;
    assert_eq!(
        refused(&clinic, EC_A, json!({ "exp": NOW + day + 1, "iat": null })).await,
        Refusal::TooLongLived
    );
}

#[tokio::test]
async fn a_time_may_have_a_fraction() {
    let clinic = Clinic::open(&[EC_A]).await;
    let exp = NOW as f64 + 90.5;
    let who = clinic.accepted(&EC_A.sign(&clinic.claims_with(json!({ "exp": exp })))).await;
    assert_eq!(who.expires_at, Timestamp::from_millis(NOW * 1000 + 90_500));
}

#[tokio::test]
async fn another_kind_of_token_is_no_access_token() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let with_typ = |typ: Value| {
        let mut header = RSA_A.header();
        header["typ"] = typ;
        RSA_A.sign_with(&header, &clinic.claims())
    };
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"] {
        clinic.accepted(&with_typ(json!(typ))).await;
    }
    for typ in ["", "logout+jwt", "dpop+jwt", "secevent+jwt", "id+jwt", "JOSE", "application/", "text/jwt"] {
        assert_eq!(clinic.refusal(&with_typ(json!(typ))).await, Refusal::Type, "{typ}");
    }
    for mark in [
        json!({ "nonce": "n" }),
        json!({ "at_hash": "h" }),
        json!({ "c_hash": "h" }),
        json!({ "events": {} }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
    ] {
        assert_eq!(refused(&clinic, RSA_A, mark.clone()).await, Refusal::NotAnAccessToken, "{mark}");
    }
    clinic.accepted(&RSA_A.sign(&clinic.claims_with(json!({ "typ": "Bearer" })))).await;
    let plain = json!({ "alg": "RS256", "kid": "rsa-a", "typ": "JWT" });
    let unmarked = clinic.claims_with(json!({ "client_id": null }));
    assert_eq!(clinic.refusal(&RSA_A.sign_with(&plain, &unmarked)).await, Refusal::NotAnAccessToken);
    clinic.accepted(&RSA_A.sign(&unmarked)).await;
    for mark in [json!({ "scope": "records" }), json!({ "scp": ["records"] }), json!({ "typ": "Bearer" })] {
        let mut marked = mark;
        marked["client_id"] = json!(null);
        clinic.accepted(&RSA_A.sign_with(&plain, &clinic.claims_with(marked))).await;
    }
    let bound = json!({ "cnf": { "jkt": "thumbprint" } });
    assert_eq!(refused(&clinic, RSA_A, bound).await, Refusal::HolderOfKey);
}

#[tokio::test]
async fn a_token_without_a_role_or_a_person_opens_nothing() {
    let clinic = Clinic::open(&[EC_A]).await;
    for (others, refusal) in [
        (json!({ "roles": null }), Refusal::NoRole),
        (json!({ "roles": ["porter"] }), Refusal::UnknownRole),
        (json!({ "roles": ["patient", "admin"], "patient_id": "patient-2041" }), Refusal::ConflictingRoles),
        (json!({ "roles": ["patient"] }), Refusal::NoPerson),
        (json!({ "roles": ["patient"], "patient_id": "" }), Refusal::NoPerson),
        (json!({ "sub": null }), Refusal::NoPerson),
    ] {
        assert_eq!(refused(&clinic, EC_A, others.clone()).await, refusal, "{others}");
    }
    let patient = json!({ "sub": "account-7", "roles": ["patient"], "patient_id": "patient-2041" });
    let who = clinic.accepted(&EC_A.sign(&clinic.claims_with(patient))).await;
    assert_eq!((who.person.as_str(), who.role), ("patient-2041", Role::Patient));
}

#[tokio::test]
async fn a_refusal_tells_nothing_that_stood_in_the_token() {
    let clinic = Clinic::open(&[EC_A]).await;
    for others in [json!({ "iss": "canary" }), json!({ "aud": "canary" }), json!({ "roles": "canary" })] {
        let token = EC_A.sign(&clinic.claims_with(others));
        let error = clinic.verifier.check(&token).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains("eyJ"), "{shown}");
    }
    assert!(!format!("{:?}", clinic.verifier).contains(API));
}
