//! What the blocked screen offers and says, for each thing that can be in the way.
//!
//! Promises: the first offer is the safe one; no offer is made that cannot help here, and none wipes. A plain table, so
//! that a test can go through every code.

use chatehr_contract::{ErrorCode, WayIn};

/// Something a person can do about what is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Ask again whatever stands in the way.
    TryAgain,
    /// Open the files with a passphrase.
    Passphrase,
    /// Open the files with a printed code.
    RecoveryCode,
    /// Say who it is first, although the keyring does not answer.
    SignIn,
    /// Put the damaged cache aside and fetch everything anew.
    Rebuild,
    /// Put the key file aside and begin a new one.
    StartAnew,
    /// Let a colleague work here meanwhile.
    SomebodyElse,
}

/// The offers, the safe one first.
pub fn offers(code: ErrorCode, ways: &[WayIn]) -> Vec<Offer> {
    let mut offers = match code {
        // Settings and the program itself are read at a start alone, so asking again would only promise.
        ErrorCode::BadConfiguration | ErrorCode::FromNewerVersion => return Vec::new(),
        ErrorCode::CacheDamaged => vec![Offer::Rebuild, Offer::TryAgain],
        ErrorCode::HeaderForeign => vec![Offer::TryAgain, Offer::StartAnew],
        // The keyring has nothing that would be there at another try: the other key comes first.
        ErrorCode::KeyMissing | ErrorCode::WrongKey => keys(ways).chain([Offer::TryAgain]).collect(),
        _ => [Offer::TryAgain].into_iter().chain(keys(ways)).collect(),
    };
    if is_only_theirs(code) {
        offers.push(Offer::SomebodyElse);
    }
    offers
}

/// One person's files are in the way, and only theirs.
const fn is_only_theirs(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::KeyMissing
            | ErrorCode::WrongKey
            | ErrorCode::KeyringChanged
            | ErrorCode::HeaderForeign
            | ErrorCode::LedgerDamaged
    )
}

fn keys(ways: &[WayIn]) -> impl Iterator<Item = Offer> {
    ways.iter().map(|way| match way {
        WayIn::Passphrase => Offer::Passphrase,
        WayIn::RecoveryCode => Offer::RecoveryCode,
        WayIn::SignIn => Offer::SignIn,
    })
}

/// What to do next, where there is another key; else the code's own words hold.
pub fn next_step(code: ErrorCode, ways: &[WayIn]) -> String {
    let key = match ways {
        [] => return code.next_step().to_owned(),
        [WayIn::Passphrase] => "open your records with your passphrase",
        [WayIn::RecoveryCode] => "open your records with your printed recovery code",
        [WayIn::SignIn, ..] => {
            "sign in first and then open your records with your passphrase or recovery code"
        }
        _ => "open your records with your passphrase or printed recovery code",
    };
    match code {
        ErrorCode::KeyringMissing => {
            format!(
                "Start a keyring (GNOME Keyring or KWallet) and choose Try again, or {key}. Nothing was changed."
            )
        }
        ErrorCode::KeyringLocked => {
            format!("Unlock it and choose Try again, or {key}. Nothing was changed.")
        }
        ErrorCode::KeyringFailed => {
            format!(
                "Log out of this computer and in again, which starts it anew, or {key}. Nothing was changed."
            )
        }
        ErrorCode::KeyringChanged => {
            format!("Your key is not lost. Go back to the former keyring and choose Try again, or {key}.")
        }
        _ => {
            let mut letters = key.chars();
            let key: String =
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
            format!("{key}; the key can go back into the keyring after that. The files are left as they are.")
        }
    }
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{
        ErrorCode as C,
        WayIn::{self, Passphrase, RecoveryCode, SignIn},
    };

    use super::{Offer, next_step, offers};

    /// What may stand between a start and open files.
    const OBSTACLES: &[C] = &[
        C::KeyringMissing,
        C::KeyringLocked,
        C::KeyringFailed,
        C::KeyringChanged,
        C::KeyMissing,
        C::WrongKey,
        C::HeaderForeign,
        C::FromNewerVersion,
        C::CacheDamaged,
        C::LedgerDamaged,
        C::DiskFull,
        C::ReadOnly,
        C::FilesInUse,
        C::StorageFault,
    ];
    const BOTH: &[WayIn] = &[Passphrase, RecoveryCode];

    #[test]
    fn every_obstacle_has_its_own_sentence_and_its_own_next_step() {
        for (place, one) in OBSTACLES.iter().enumerate() {
            for other in &OBSTACLES[..place] {
                assert_ne!(one.sentence(), other.sentence());
                assert_ne!(one.next_step(), other.next_step(), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn no_code_is_a_dead_end_but_for_those_that_a_new_start_alone_can_mend() {
        for code in C::ALL {
            let none = offers(*code, &[]).is_empty();
            assert_eq!(none, matches!(code, C::BadConfiguration | C::FromNewerVersion), "{code:?}");
        }
    }

    #[test]
    fn another_key_is_offered_exactly_when_the_host_says_that_there_is_one() {
        for code in C::ALL {
            let has = |ways: &[WayIn], offer| offers(*code, ways).contains(&offer);
            for (way, offer) in [
                (Passphrase, Offer::Passphrase),
                (RecoveryCode, Offer::RecoveryCode),
                (SignIn, Offer::SignIn),
            ] {
                assert!(!has(&[], offer), "{code:?}");
                let yields = matches!(
                    code,
                    C::KeyringMissing
                        | C::KeyringLocked
                        | C::KeyringFailed
                        | C::KeyringChanged
                        | C::KeyMissing
                        | C::WrongKey
                );
                if yields {
                    assert!(has(&[way], offer), "{code:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_offer_changes_nothing_that_could_not_be_had_back() {
        for code in C::ALL {
            let offers = offers(*code, BOTH);
            assert_ne!(offers.first(), Some(&Offer::StartAnew), "{code:?}");
            assert_ne!(offers.first(), Some(&Offer::SomebodyElse), "{code:?}");
            // Rebuilding puts the file aside, and asks.
            assert!(!offers.contains(&Offer::Rebuild) || *code == C::CacheDamaged, "{code:?}");
            assert!(!offers.contains(&Offer::StartAnew) || *code == C::HeaderForeign, "{code:?}");
        }
        assert_eq!(offers(C::KeyMissing, &[RecoveryCode]).first(), Some(&Offer::RecoveryCode));
        assert_eq!(offers(C::KeyringLocked, BOTH).first(), Some(&Offer::TryAgain));
    }

    #[test]
    fn the_words_name_the_key_that_there_is() {
        for code in [
            C::KeyringMissing,
            C::KeyringLocked,
            C::KeyringFailed,
            C::KeyringChanged,
            C::KeyMissing,
            C::WrongKey,
        ] {
            assert_eq!(next_step(code, &[]), code.next_step());
            assert!(
                next_step(code, &[Passphrase]).to_lowercase().contains("with your passphrase"),
                "{code:?}"
            );
            assert!(next_step(code, &[RecoveryCode]).contains("printed recovery code"), "{code:?}");
            assert!(next_step(code, BOTH).contains("passphrase or printed"), "{code:?}");
            assert!(next_step(code, &[SignIn]).to_lowercase().contains("sign in first"), "{code:?}");
        }
    }
}
