//! How the peer is started: benches/peers/gateway.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure,
    identity::{AUDIENCE, Provider},
    server::Recipe,
};

/// Seals the messages of both sides.
pub(crate) const ROOT_SECRET: &str = "not a secret: invented records of one benchmark run";

/// The Express gateway with `consultations` invented ones.
pub(crate) fn recipe(
    program: PathBuf,
    provider: &Provider,
    key_file: &Path,
    consultations: u32,
) -> Result<Recipe, Failure> {
    std::fs::write(key_file, provider.public_key_pem()?)?;
    let (issuer, key_file) = (provider.issuer.clone(), key_file.to_owned());
    Ok(Recipe {
        name: "Express",
        announces: "listening on http://",
        command: Box::new(move |directory| {
            let mut command = Command::new("node");
            command
                .arg(program.join("src/server.js"))
                .env("NODE_ENV", "production")
                .env_remove("NODE_OPTIONS")
                .env("PORT", "0")
                .env("DATABASE", directory.join("gateway.db"))
                .env("SEED", consultations.to_string())
                .env("RATE_LIMIT", "1000000000")
                .env("CHATEHR_ROOT_SECRET", ROOT_SECRET)
                .env("CHATEHR_OIDC_PUBLIC_KEY", &key_file)
                .env("CHATEHR_OIDC_ISSUER", &issuer)
                .env("CHATEHR_OIDC_AUDIENCE", AUDIENCE);
            command
        }),
    })
}
