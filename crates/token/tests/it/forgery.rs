use chatehr_token::Refusal;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Clinic, EC_384, EC_A, EC_B, RSA_A, RSA_B, part, sign_hmac};

/// A key of 1024 bits, and a token that it signed with `openssl dgst -sha256 -sign`.
const WEAK_KEY: &str = include_str!("keys/rsa-weak.jwk");
const WEAK_TOKEN: &str = include_str!("keys/rsa-weak.jwt");

#[tokio::test]
async fn a_good_token_of_either_kind_is_accepted() {
    let clinic = Clinic::open(&[RSA_A, RSA_B, EC_A]).await;
    for pair in [RSA_A, RSA_B, EC_A] {
        let who = clinic.accepted(&pair.sign(&clinic.claims())).await;
        assert_eq!(who.person.as_str(), "physician-12");
    }
    assert_eq!((clinic.discoveries(), clinic.fetches()), (1, 1));
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let signature = RSA_A.sign(&clinic.claims()).rsplit_once('.').unwrap().1.to_owned();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": "rsa-a", "typ": "at+jwt" });
        for signature in ["", &signature] {
            let token = format!("{}.{}.{signature}", part(&header), part(&clinic.claims()));
            assert_eq!(clinic.refusal(&token).await, Refusal::Algorithm, "{alg}");
        }
    }
    let stripped = format!("{}.{}.", part(&RSA_A.header()), part(&clinic.claims()));
    assert_eq!(clinic.refusal(&stripped).await, Refusal::Signature);
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let jwk = RSA_A.jwk();
    let public = [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()];
    for secret in &public {
        for alg in ["HS256", "HS384", "HS512"] {
            let header = json!({ "alg": alg, "kid": "rsa-a", "typ": "at+jwt" });
            let token = sign_hmac(&header, &clinic.claims(), secret.as_bytes());
            assert_eq!(clinic.refusal(&token).await, Refusal::Algorithm, "{alg}");
        }
        let token = sign_hmac(&RSA_A.header(), &clinic.claims(), secret.as_bytes());
        assert_eq!(clinic.refusal(&token).await, Refusal::Signature);
    }
}

#[tokio::test]
async fn only_two_algorithms_are_accepted_and_only_from_keys_of_their_kind() {
    let clinic = Clinic::open(&[RSA_A, EC_A, EC_384]).await;
    for alg in ["RS384", "RS512", "PS256", "ES384", "ES512", "EdDSA", "RSA-OAEP", "rs256"] {
        let header = json!({ "alg": alg, "kid": "rsa-a" });
        assert_eq!(clinic.refusal(&RSA_A.sign_with(&header, &clinic.claims())).await, Refusal::Algorithm);
    }
    let crossed = json!({ "alg": "ES256", "kid": "rsa-a" });
    assert_eq!(clinic.refusal(&EC_A.sign_with(&crossed, &clinic.claims())).await, Refusal::Algorithm);
    let crossed = json!({ "alg": "RS256", "kid": "ec-a" });
    assert_eq!(clinic.refusal(&RSA_A.sign_with(&crossed, &clinic.claims())).await, Refusal::Algorithm);
    assert_eq!(clinic.refusal(&EC_384.sign(&clinic.claims())).await, Refusal::Algorithm);
    let as_256 = json!({ "alg": "ES256", "kid": "ec-384" });
    assert_eq!(clinic.refusal(&EC_384.sign_with(&as_256, &clinic.claims())).await, Refusal::UnknownKey);
}

#[tokio::test]
async fn another_keys_signature_is_wrong() {
    let clinic = Clinic::open(&[RSA_A, RSA_B, EC_A, EC_B]).await;
    for (signer, named) in [(RSA_B, RSA_A), (EC_B, EC_A)] {
        let token = signer.sign_with(&named.header(), &clinic.claims());
        assert_eq!(clinic.refusal(&token).await, Refusal::Signature);
    }
}

#[tokio::test]
async fn a_key_that_a_token_brings_is_not_used() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let own = |kid: &str| {
        json!({
            "alg": "RS256", "kid": kid, "jwk": RSA_B.jwk(),
            "jku": format!("{}/keys", clinic.issuer()), "x5u": "http://127.0.0.1:1/", "x5c": ["MII"],
        })
    };
    let fetches = clinic.fetches();
    assert_eq!(clinic.refusal(&RSA_B.sign_with(&own("rsa-a"), &clinic.claims())).await, Refusal::Signature);
    assert_eq!(clinic.refusal(&RSA_B.sign_with(&own("rsa-b"), &clinic.claims())).await, Refusal::UnknownKey);
    assert_eq!(clinic.fetches(), fetches + 1, "nothing was fetched for them but the provider's own keys");
    clinic.accepted(&RSA_A.sign_with(&own("rsa-a"), &clinic.claims())).await;
}

#[tokio::test]
async fn a_header_that_must_be_understood_is_refused() {
    let clinic = Clinic::open(&[RSA_A]).await;
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null), json!("b64")] {
        let header = json!({ "alg": "RS256", "kid": "rsa-a", "b64": false, "crit": crit });
        assert_eq!(
            clinic.refusal(&RSA_A.sign_with(&header, &clinic.claims())).await,
            Refusal::CriticalHeader
        );
    }
}

#[tokio::test]
async fn a_weak_key_is_as_if_it_were_not_published() {
    let clinic = Clinic::open(&[RSA_A]).await;
    clinic.answers(|answers| answers.keys.push(serde_json::from_str(WEAK_KEY).unwrap()));
    assert_eq!(clinic.refusal(WEAK_TOKEN.trim()).await, Refusal::UnknownKey);
}

#[tokio::test]
async fn a_key_for_encryption_verifies_nothing() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let mut jwk = RSA_B.jwk();
    jwk["use"] = json!("enc");
    clinic.answers(|answers| answers.keys.push(jwk));
    assert_eq!(clinic.refusal(&RSA_B.sign(&clinic.claims())).await, Refusal::UnknownKey);
}

#[tokio::test]
async fn a_token_names_its_key_where_there_is_a_choice() {
    let nameless = json!({ "alg": "RS256" });
    let one = Clinic::open(&[RSA_A, EC_A]).await;
    one.accepted(&RSA_A.sign_with(&nameless, &one.claims())).await;
    let two = Clinic::open(&[RSA_A, RSA_B]).await;
    assert_eq!(two.refusal(&RSA_A.sign_with(&nameless, &two.claims())).await, Refusal::NoKeyId);
    let twins = Clinic::open(&[RSA_A, RSA_B]).await;
    twins.answers(|answers| answers.keys.iter_mut().for_each(|jwk| jwk["kid"] = json!("rsa-a")));
    assert_eq!(twins.refusal(&RSA_A.sign(&twins.claims())).await, Refusal::AmbiguousKey);
}

#[tokio::test]
async fn what_is_no_token_is_malformed_and_what_is_too_large_is_not_looked_at() {
    let clinic = Clinic::open(&[RSA_A]).await;
    let good = RSA_A.sign(&clinic.claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = part(&RSA_A.header());
    let array = RSA_A.sign_with(&RSA_A.header(), &json!([1]));
    let twice = signed.replacen(&header, &base64_of(r#"{"alg":"RS256","kid":"rsa-a","alg":"none"}"#), 1);
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "ü.ü.ü",
        " ",
        &format!("{good}."),
        &format!(".{good}"),
        &format!(" {good}"),
        &format!("Bearer {good}"),
        signed,
        &format!("{header}=.{signature}"),
        &array,
        &format!("{twice}.{signature}"),
        &format!("{}.e30.", base64_of("null")),
    ] {
        let refusal = clinic.refusal(token).await;
        assert!(matches!(refusal, Refusal::Malformed | Refusal::Signature), "{token}: {refusal}");
    }
    assert_eq!(clinic.refusal(&format!("{good}.{signature}")).await, Refusal::Signature, "five parts");
    let fits = RSA_A.sign(&clinic.claims_with(json!({ "groups": "g".repeat(11_000) })));
    assert!((14_000..=16 * 1024).contains(&fits.len()));
    clinic.accepted(&fits).await;
    let large = RSA_A.sign(&clinic.claims_with(json!({ "groups": "g".repeat(12_000) })));
    assert_eq!(clinic.refusal(&large).await, Refusal::TooLarge);
}

fn base64_of(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

/// Runs a property against one provider.
fn against<T>(
    clinic: impl Future<Output = Clinic>,
    check: impl FnOnce(&tokio::runtime::Runtime, Clinic) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clinic = runtime.block_on(clinic);
    check(&runtime, clinic)
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    against(Clinic::open(&[RSA_A, EC_A]), |runtime, clinic| {
        let good = [RSA_A, EC_A].map(|pair| pair.sign(&clinic.claims()));
        let change = (0usize..2, any::<prop::sample::Index>(), "[A-Za-z0-9_.=-]", 0u8..4);
        proptest!(ProptestConfig::with_cases(400), |((which, place, with, kind) in change)| {
            let good = &good[which];
            let at = place.index(good.len());
            let bad = match kind {
                0 => good[..at].to_owned(),
                1 => format!("{}{with}{}", &good[..at], &good[at + 1..]),
                2 => format!("{}{with}{}", &good[..at], &good[at..]),
                _ => format!("{}{}", &good[..at], &good[at + 1..]),
            };
            prop_assume!(bad != *good);
            prop_assert!(runtime.block_on(clinic.verifier.check(&bad)).is_err());
        });
        for good in &good {
            runtime.block_on(clinic.accepted(good));
        }
    });
}

#[test]
fn nothing_that_anybody_sends_brings_it_down() {
    against(Clinic::open(&[RSA_A]), |runtime, clinic| {
        let member = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            prop::collection::vec(".{0,5}", 0..3).prop_map(Value::from),
        ];
        let names =
            prop::sample::select(vec!["iss", "aud", "exp", "nbf", "iat", "sub", "roles", "typ", "auth_time"]);
        proptest!(ProptestConfig::with_cases(200), |(text in "\\PC{0,200}", name in names, value in member)| {
            prop_assert!(runtime.block_on(clinic.verifier.check(&text)).is_err());
            let claims = clinic.claims_with(json!({ name: value.clone() }));
            // Signed by the provider and odd all the same: an answer, whichever.
            drop(runtime.block_on(clinic.verifier.check(&RSA_A.sign(&claims))));
            let header = { let mut header = RSA_A.header(); header[name] = value; header };
            drop(runtime.block_on(clinic.verifier.check(&RSA_A.sign_with(&header, &clinic.claims()))));
        });
    });
}
