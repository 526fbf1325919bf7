//! One slot as it stands in the header, and the wrapping of the key in it.
//!
//! A passphrase or a code gives an X25519 secret; the header keeps the public half, and the vault key is wrapped to
//! that. So whoever holds the files can wrap a new key for every slot without asking for a passphrase, and still
//! nothing that an old key opens leads to the new one (docs/decisions/0009). The wrapping is AES-256-GCM under
//! HKDF-SHA-256 of the shared secret, salted with both public keys as RFC 9180 and age do, and bound to the kind and
//! id of the slot and to the key's check: moved to another slot or another person's header, it does not open.
//!
//! What is in the clear (label, parameters, public key) carries a seal that only the key's holder can make, so that
//! nobody slips in a slot of his own for the next key to be wrapped to.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use chatehr_contract::Timestamp;
use serde::{Deserialize, Serialize};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{SlotError, SlotId, SlotKind, passphrase::Argon};
use crate::key::{VaultKey, derive, encode};

/// The keyring has one slot, and this is its id.
pub(crate) const KEYRING_ID: &str = "keyring";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slot {
    pub(crate) id: SlotId,
    pub(crate) label: String,
    pub(crate) created_at: Timestamp,
    #[serde(flatten)]
    pub(crate) way: Way,
    #[serde(with = "hex")]
    seal: [u8; 32],
}

/// How the slot opens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Way {
    /// By what the keyring of this name holds; the name is unknown where format 1 did not write it down.
    Keyring { backend: Option<String> },
    Passphrase {
        #[serde(flatten)]
        argon: Argon,
        #[serde(flatten)]
        wrapped: Wrapped,
    },
    Recovery {
        #[serde(flatten)]
        wrapped: Wrapped,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wrapped {
    #[serde(with = "hex")]
    public_key: [u8; 32],
    #[serde(with = "hex")]
    ephemeral: [u8; 32],
    #[serde(with = "hex")]
    sealed_key: [u8; 48],
}

impl Slot {
    /// The slot that every header of format 1 stands for.
    pub(crate) fn implied_keyring() -> Self {
        Self {
            id: SlotId(KEYRING_ID.to_owned()),
            label: String::new(),
            created_at: Timestamp::from_millis(0),
            way: Way::Keyring { backend: None },
            seal: [0; 32],
        }
    }

    pub(crate) fn keyring(backend: &str, now: Timestamp, key: &VaultKey) -> Self {
        let way = Way::Keyring { backend: (!backend.is_empty()).then(|| backend.to_owned()) };
        let mut slot = Self { created_at: now, way, ..Self::implied_keyring() };
        slot.seal(key);
        slot
    }

    /// A slot for `secret`, with the key wrapped in it. `argon` is how the secret comes from a passphrase.
    pub(crate) fn wrapping(
        (id, label, created_at): (SlotId, &str, Timestamp),
        argon: Option<Argon>,
        secret: &Secret32,
        key: &VaultKey,
        random: &Secret32,
    ) -> Result<Self, SlotError> {
        let public_key = PublicKey::from(&StaticSecret::from(**secret)).to_bytes();
        let wrapped = Wrapped { public_key, ephemeral: [0; 32], sealed_key: [0; 48] };
        let way = match argon {
            Some(argon) => Way::Passphrase { argon, wrapped },
            None => Way::Recovery { wrapped },
        };
        let mut slot = Self { id, label: label.to_owned(), created_at, way, seal: [0; 32] };
        slot.rewrap(key, random)?;
        Ok(slot)
    }

    /// Wraps another key in the slot, without the slot's secret.
    pub(crate) fn rewrap(&mut self, key: &VaultKey, random: &Secret32) -> Result<(), SlotError> {
        let bound = self.bound_to(&key.check());
        if let Way::Passphrase { wrapped, .. } | Way::Recovery { wrapped } = &mut self.way {
            // One ephemeral secret for each slot, from randomness that is used for nothing else.
            let secret =
                Zeroizing::new(derive(&**random, None, &encode("chatehr slot ephemeral 1", &[&bound])));
            let ephemeral = StaticSecret::from(*secret);
            wrapped.ephemeral = PublicKey::from(&ephemeral).to_bytes();
            let cipher = wrapped.cipher(&ephemeral, &wrapped.public_key).ok_or(SlotError::HeaderDamaged)?;
            let sealed = cipher
                .encrypt(&NONCE.into(), Payload { msg: key.expose(), aad: &bound })
                .map_err(|_| SlotError::HeaderDamaged)?;
            wrapped.sealed_key = sealed.try_into().map_err(|_| SlotError::HeaderDamaged)?;
        }
        self.seal(key);
        Ok(())
    }

    /// Whether this is the slot that `secret` was made for.
    pub(crate) fn is_for(&self, secret: &Secret32) -> bool {
        self.wrapped().is_some_and(|wrapped| {
            wrapped.public_key == PublicKey::from(&StaticSecret::from(**secret)).to_bytes()
        })
    }

    /// The key of this check; `None` when what is wrapped here was altered or comes from another place.
    pub(crate) fn open(&self, secret: &Secret32, key_check: &str) -> Option<VaultKey> {
        let wrapped = self.wrapped()?;
        let cipher = wrapped.cipher(&StaticSecret::from(**secret), &wrapped.ephemeral)?;
        let aad = self.bound_to(key_check);
        let opened = cipher.decrypt(&NONCE.into(), Payload { msg: &wrapped.sealed_key, aad: &aad }).ok()?;
        let opened = Zeroizing::new(opened);
        let key = VaultKey::from_bytes(opened.as_slice().try_into().ok()?);
        (key.check() == key_check).then_some(key)
    }

    /// Whether it was made, as it is, by somebody who held the key.
    pub(crate) fn is_sealed_by(&self, key: &VaultKey) -> bool {
        self.seal == self.seal_under(key)
    }

    pub(crate) fn seal(&mut self, key: &VaultKey) {
        self.seal = self.seal_under(key);
    }

    pub(crate) const fn kind(&self) -> SlotKind {
        match self.way {
            Way::Keyring { .. } => SlotKind::Keyring,
            Way::Passphrase { .. } => SlotKind::Passphrase,
            Way::Recovery { .. } => SlotKind::Recovery,
        }
    }

    const fn wrapped(&self) -> Option<&Wrapped> {
        match &self.way {
            Way::Keyring { .. } => None,
            Way::Passphrase { wrapped, .. } | Way::Recovery { wrapped } => Some(wrapped),
        }
    }

    fn bound_to(&self, key_check: &str) -> Vec<u8> {
        let parts = [self.kind().as_str(), &self.id.0, key_check];
        encode("chatehr slot 1", &parts.map(str::as_bytes))
    }

    fn seal_under(&self, key: &VaultKey) -> [u8; 32] {
        let (backend, argon) = match &self.way {
            Way::Keyring { backend } => (backend.as_deref().unwrap_or_default(), Vec::new()),
            Way::Passphrase { argon, .. } => ("", argon.to_bytes()),
            Way::Recovery { .. } => ("", Vec::new()),
        };
        key.authenticate(
            "chatehr slot seal 1",
            &[
                self.kind().as_str().as_bytes(),
                self.id.0.as_bytes(),
                self.label.as_bytes(),
                &self.created_at.millis().to_be_bytes(),
                backend.as_bytes(),
                &argon,
                self.wrapped().map_or(&[], |wrapped| &wrapped.public_key),
            ],
        )
    }
}

/// 32 secret bytes.
pub(crate) type Secret32 = Zeroizing<[u8; 32]>;

/// Each wrapping has a key of its own, from an ephemeral secret, so the nonce need not vary.
const NONCE: [u8; 12] = [0; 12];

impl Wrapped {
    /// `None` for a public key of low order, which would make the shared secret known to everybody (RFC 7748, 6.1).
    fn cipher(&self, ours: &StaticSecret, theirs: &[u8; 32]) -> Option<Aes256Gcm> {
        let shared = ours.diffie_hellman(&PublicKey::from(*theirs));
        let salt = [self.ephemeral, self.public_key].concat();
        let key = Zeroizing::new(derive(shared.as_bytes(), Some(&salt), b"chatehr slot wrap 1"));
        shared.was_contributory().then(|| Aes256Gcm::new((&*key).into()))
    }
}
