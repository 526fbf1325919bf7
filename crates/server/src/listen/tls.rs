//! The certificate that the listener shows, and its key.
//!
//! Promises: TLS 1.2 and 1.3 alone, with one named provider of cryptography; a renewed certificate is taken up while
//! the server runs, without a connection lost; one that cannot be used leaves the one before in place.
//! Refuses: to start with files that are missing, hold nothing, or do not belong together, and says which.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::sync::watch;

use crate::problem::Causes;

/// HTTP/2's name in the handshake (RFC 9113, section 3.2).
pub(super) const H2: &[u8] = b"h2";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// Missing, or not ours to read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A section that begins and does not end, or is not base64.
    #[error("{} is not in PEM form", path.display())]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// Nothing of use in the file of certificates.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing of use in the file of the key.
    #[error("{} holds no private key (one behind a password cannot be read)", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// Of a kind that TLS or the provider does not know.
    #[error("the key in {} cannot be used", path.display())]
    UnusableKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Not a certificate after all.
    #[error("the first certificate in {} cannot be used", path.display())]
    UnusableCertificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The first certificate is another key's.
    #[error("the key in {} is not that of the first certificate in {}", key.display(), chain.display())]
    Mismatch {
        /// The file of certificates.
        chain: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The provider does not do what we ask of it.
    #[error("TLS 1.2 and 1.3 cannot be had")]
    Protocol(#[source] rustls::Error),
}

/// The certificate in use, and where a newer one will be found.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Reads a chain of certificates, the server's own first, and its private key, both in PEM form.
pub(crate) fn load(chain: &Path, key: &Path) -> Result<(Arc<ServerConfig>, Arc<Certificate>), TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificate = Arc::new(Certificate {
        current: RwLock::new(Arc::new(certified(certificates(chain)?, chain, key, &provider)?)),
        chain: chain.to_owned(),
        key: key.to_owned(),
        provider: Arc::clone(&provider),
    });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Certificate>::clone(&certificate));
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(config), certificate))
}

impl Certificate {
    /// Takes up the certificate in the files if it is another one, and says whether it was. On an error, the one in use
    /// stays: in the midst of a renewal the two files do not belong together, and a moment later they do.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        // The content is compared, not its time: a renewal by rename or link may keep an old one.
        let chain = certificates(&self.chain)?;
        if chain == self.current().cert {
            return Ok(false);
        }
        let renewed = Arc::new(certified(chain, &self.chain, &self.key, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(true)
    }

    /// Reloads every so often until the server stops.
    pub(crate) async fn watch(self: Arc<Self>, every: Duration, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(every) => {}
            }
            let certificate = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || certificate.reload()).await {
                Ok(Ok(true)) => tracing::info!("the certificate was renewed"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::error!(error = %Causes(&error), "the certificate could not be renewed");
                }
                Err(error) => tracing::error!(%error, "the certificate could not be looked at"),
            }
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::NotPem { path: path.to_owned(), source })?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        source => TlsError::NotPem { path: path.to_owned(), source },
    })
}

fn certified(
    certificates: Vec<CertificateDer<'static>>,
    chain: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let private_key = provider
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|source| TlsError::UnusableKey { path: key.to_owned(), source })?;
    let certified = CertifiedKey::new(certificates, private_key);
    match certified.keys_match() {
        // A provider that cannot tell is not a mismatch.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { chain: chain.to_owned(), key: key.to_owned() })
        }
        Err(source) => Err(TlsError::UnusableCertificate { path: chain.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).unwrap();
        }

        fn load(&self) -> Result<Arc<Certificate>, TlsError> {
            load(&self.path("chain.pem"), &self.path("key.pem")).map(|(_, certificate)| certificate)
        }

        /// What is wrong, without the directory.
        fn problem(&self) -> String {
            let error = self.load().unwrap_err();
            error.to_string().replace(&format!("{}/", self.0.path().display()), "")
        }
    }

    fn issue() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_by_name() {
        let files = Files::new();
        let (chain, key) = issue();
        assert_eq!(files.problem(), "chain.pem cannot be read");
        files.write("chain.pem", "nothing");
        assert_eq!(files.problem(), "chain.pem holds no certificate");
        files.write("chain.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
        assert_eq!(files.problem(), "chain.pem is not in PEM form");
        files.write("chain.pem", &chain);
        assert_eq!(files.problem(), "key.pem cannot be read");
        files.write("key.pem", &chain);
        assert!(files.problem().starts_with("key.pem holds no private key"));
        files.write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        assert_eq!(files.problem(), "the key in key.pem cannot be used");
        files.write("key.pem", &issue().1);
        assert_eq!(files.problem(), "the key in key.pem is not that of the first certificate in chain.pem");
        files.write("key.pem", &key);
        files.write("chain.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert_eq!(files.problem(), "the first certificate in chain.pem cannot be used");
        files.write("chain.pem", &chain);
        assert!(files.load().is_ok());
    }

    #[test]
    fn a_half_done_renewal_leaves_the_certificate_in_use() {
        let files = Files::new();
        let (chain, key) = issue();
        files.write("chain.pem", &chain);
        files.write("key.pem", &key);
        let certificate = files.load().unwrap();
        let before = certificate.current();
        assert!(!certificate.reload().unwrap());

        let (chain, key) = issue();
        files.write("chain.pem", &chain);
        assert!(matches!(certificate.reload(), Err(TlsError::Mismatch { .. })));
        assert_eq!(certificate.current().cert, before.cert);

        files.write("key.pem", &key);
        assert!(certificate.reload().unwrap());
        assert_ne!(certificate.current().cert, before.cert);

        fs::remove_file(files.path("chain.pem")).unwrap();
        assert!(matches!(certificate.reload(), Err(TlsError::Unreadable { .. })));
        assert_ne!(certificate.current().cert, before.cert);
    }

    #[test]
    fn no_key_shows_in_debug_output() {
        let files = Files::new();
        let (chain, key) = issue();
        files.write("chain.pem", &chain);
        files.write("key.pem", &key);
        let shown = format!("{:?}", files.load().unwrap());
        assert!(
            shown.starts_with("Certificate { chain: ") && shown.ends_with("chain.pem\", .. }"),
            "{shown}"
        );
    }
}
