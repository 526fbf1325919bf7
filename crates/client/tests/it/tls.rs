//! Over real TLS: a server is believed where this computer trusts who vouches for it, for that name and on that day, and is
//! sent nothing otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chatehr_client::{Client, ClientError, Config, ConnectionFault};
use chatehr_contract::ErrorCode;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use super::clinic::{Clinic, OKAFOR};

/// Set in the program that trusts the clinic's authority: where the certificates are.
const CERTIFICATES: &str = "CHATEHR_TEST_CERTIFICATES";
const TEST: &str = "tls::a_server_is_believed_by_who_vouches_for_it_by_its_name_and_by_the_day";

fn params(names: &[&str], until: i32) -> CertificateParams {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
    params
}

/// The clinic's own authority, and servers' certificates: sound, for another name, of another year, and of their own
/// making.
fn make_certificates(dir: &Path) {
    let mut authority = params(&[], 2090);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(dir.join("authority.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(authority, key);
    let here = ["127.0.0.1", "localhost"];
    for (name, names, until) in [
        ("sound", &here[..], 2090),
        ("elsewhere", &["other.example"][..], 2090),
        ("expired", &here[..], 2021),
    ] {
        let key = KeyPair::generate().unwrap();
        let made = params(names, until).signed_by(&key, &authority).unwrap();
        keep(dir, name, &made.pem(), &key);
    }
    let key = KeyPair::generate().unwrap();
    keep(dir, "own", &params(&here, 2090).self_signed(&key).unwrap().pem(), &key);
}

fn keep(dir: &Path, name: &str, certificate: &str, key: &KeyPair) {
    fs::write(dir.join(format!("{name}.pem")), certificate).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// A server with this certificate, and a workstation that is to use it.
async fn server(dir: &Path, name: &str) -> (Clinic, Client) {
    let files = ["pem", "key"].map(|kind| dir.join(format!("{name}.{kind}")));
    let [chain, key] = files;
    let clinic = Clinic::with(|config| config.tls = Some((chain, key))).await;
    assert!(clinic.running.base_url().starts_with("https://127.0.0.1:"));
    let client = clinic.client();
    (clinic, client)
}

async fn look_at_servers(dir: &Path) {
    let (_clinic, client) = server(dir, "sound").await;
    assert!(client.health().await.unwrap().has("etag"));
    let session = client.sign_in(OKAFOR).await.unwrap();
    assert!(client.with_session(&session.token).whoami().await.is_ok());

    for name in ["elsewhere", "expired", "own"] {
        let (clinic, client) = server(dir, name).await;
        let not_secure = ClientError::Unreachable(ConnectionFault::NotSecure);
        assert_eq!(client.health().await.unwrap_err(), not_secure, "{name}");
        assert_eq!(client.sign_in(OKAFOR).await.unwrap_err(), not_secure, "{name}");
        assert_eq!(not_secure.code(), ErrorCode::ServerNotTrusted);
        // Where nothing listens is another matter.
        let mut config = Config::new(clinic.running.base_url());
        clinic.running.stop().await;
        config.connect_timeout = std::time::Duration::from_secs(2);
        let error = Client::new(config).unwrap().health().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ServerUnreachable, "{name}: {error:?}");
    }
}

/// Which authorities are trusted is the computer's matter, so the program that is to trust one has it in its surroundings.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_by_who_vouches_for_it_by_its_name_and_by_the_day() {
    if let Some(dir) = std::env::var_os(CERTIFICATES) {
        return look_at_servers(&PathBuf::from(dir)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let mut trusting = Command::new(std::env::current_exe().unwrap());
    trusting.args(["--exact", TEST, "--nocapture"]).env(CERTIFICATES, dir.path());
    trusting.env("SSL_CERT_FILE", dir.path().join("authority.pem")).env_remove("SSL_CERT_DIR");
    let ended = tokio::task::spawn_blocking(move || trusting.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}
