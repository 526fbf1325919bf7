//! How our server is started. All that depends on its settings is here.

use std::{path::PathBuf, process::Command};

use crate::{
    identity::{AUDIENCE, Provider},
    peer::ROOT_SECRET,
    server::Recipe,
};

/// `chatehr-server standalone` with `consultations` invented ones.
pub(crate) fn recipe(program: PathBuf, provider: &Provider, consultations: u32) -> Recipe {
    let issuer = provider.issuer.clone();
    Recipe {
        name: "chatehr-server",
        announces: "chatehr-server listening on http://",
        command: Box::new(move |directory| {
            let mut command = Command::new(&program);
            command
                .args(["standalone", "--listen", "127.0.0.1:0", "--seed", &format!("large:{consultations}")])
                .arg("--database")
                .arg(directory.join("gateway.db"))
                .env("CHATEHR_ROOT_SECRET", ROOT_SECRET)
                .env("CHATEHR_API_KEY", "a-key-for-one-benchmark-0123456789")
                .env("CHATEHR_OIDC_ISSUER", &issuer)
                .env("CHATEHR_OIDC_AUDIENCE", AUDIENCE)
                // Counted and told in headers like the peer's, and never met.
                .env("CHATEHR_RATE_READ", "1000000000/1000000000")
                .env("CHATEHR_RATE_WRITE", "1000000000/1000000000")
                .env("RUST_LOG", "warn");
            command
        }),
    }
}
