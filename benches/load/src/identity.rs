//! An identity provider for one benchmark: a key pair made at the start, tokens signed with it, and the two documents
//! by which a server finds the public half.
//!
//! Refuses: to be used for anything else. It signs whatever it is asked to.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener},
    thread,
};

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::Failure;

/// For whom the tokens are.
pub(crate) const AUDIENCE: &str = "chatehr";
/// The name of the one key.
const KID: &str = "bench";
/// Longer than any benchmark.
const LIFETIME_SECONDS: i64 = 6 * 60 * 60;

/// The provider, answering on this machine until the program ends.
pub(crate) struct Provider {
    key: KeyPair,
    /// `iss` of every token, and where the documents are.
    pub(crate) issuer: String,
    now: i64,
}

impl Provider {
    /// Makes a key pair of 2,048 bits and begins to answer. `now` in seconds since 1970.
    pub(crate) fn start(now: i64) -> Result<Self, Failure> {
        let key =
            KeyPair::generate(KeySize::Rsa2048).map_err(|_| Failure::new("no key pair could be made"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let public = key.public_key();
        let keys = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID,
            "n": base64(public.modulus().big_endian_without_leading_zero()),
            "e": base64(public.exponent().big_endian_without_leading_zero()),
        }] });
        let discovery = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asked and went away needs no answer.
                drop(answer(&stream, &discovery, &keys));
            }
        });
        Ok(Self { key, issuer, now })
    }

    /// The public key as PEM, for a server that is given it in a file.
    pub(crate) fn public_key_pem(&self) -> Result<String, Failure> {
        let der: PublicKeyX509Der<'_> =
            self.key.public_key().as_der().map_err(|_| Failure::new("the public key cannot be written"))?;
        let base64 = BASE64_STANDARD.encode(der.as_ref());
        let lines: Vec<String> =
            base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// A token for an administrator.
    pub(crate) fn admin(&self, n: usize) -> Result<String, Failure> {
        self.sign(&json!({ "sub": format!("admin-{n}"), "roles": ["admin"] }), LIFETIME_SECONDS)
    }

    /// A token for a physician of one specialty.
    pub(crate) fn physician(&self, id: &str) -> Result<String, Failure> {
        self.sign(
            &json!({ "sub": id, "roles": ["physician"], "specialties": ["cardiology"] }),
            LIFETIME_SECONDS,
        )
    }

    /// A token for a patient.
    pub(crate) fn patient(&self, id: &str) -> Result<String, Failure> {
        self.sign(&json!({ "sub": id, "roles": ["patient"], "patient_id": id }), LIFETIME_SECONDS)
    }

    /// A token that ended an hour ago.
    pub(crate) fn expired(&self) -> Result<String, Failure> {
        self.sign(&json!({ "sub": "admin-1", "roles": ["admin"] }), -60 * 60)
    }

    fn sign(&self, who: &Value, lifetime: i64) -> Result<String, Failure> {
        let mut claims = json!({
            "iss": self.issuer, "aud": AUDIENCE, "client_id": "bench", "jti": who.get("sub"),
            "iat": self.now - 2 * 60 * 60, "exp": self.now + lifetime,
        });
        if let (Some(claims), Some(who)) = (claims.as_object_mut(), who.as_object()) {
            claims.extend(who.clone());
        }
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": KID }));
        let signed = format!("{head}.{}", part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| Failure::new("a token could not be signed"))?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn answer(mut stream: &std::net::TcpStream, discovery: &Value, keys: &Value) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/.well-known/openid-configuration" => ("200 OK", discovery.to_string()),
        "/jwks" => ("200 OK", keys.to_string()),
        _ => ("404 Not Found", "{}".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
