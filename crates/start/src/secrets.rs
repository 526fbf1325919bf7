//! Takes secrets out of a program's environment, where they could be read for as long as it runs (`/proc/PID/environ`) and
//! everything that it starts would inherit them.
//!
//! A variable that is removed from a running program stays in what the kernel shows of it. So the program starts anew
//! without them, under the same process id, and gets them through a pipe that is its standard input. Elsewhere than on
//! Unix they stay: there a program's environment is shown to the same person's programs alone.

use std::{collections::BTreeMap, env, fmt, io, process::Command};

/// Says to the process of this id that its standard input holds secrets. What it starts has another id.
pub const MARK: &str = "CHATEHR_HANDED_OVER";
/// What a pipe takes without anybody who reads it.
#[cfg(unix)]
const MOST: usize = 32 * 1024;

/// Secrets by the name of the variable that they stood in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(unix)]
    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl IntoIterator for Secrets {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What this program was handed when it was started anew; to be asked once. Otherwise nothing is read.
///
/// # Errors
/// The pipe.
pub fn received() -> io::Result<Secrets> {
    if env::var(MARK).ok() != Some(std::process::id().to_string()) {
        return Ok(Secrets::default());
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes)?;
    Ok(Secrets::from_bytes(&bytes))
}

/// Gives what stands in these variables to a program that takes this one's place, and keeps it out of its environment.
/// `false` where there is nothing to give.
///
/// # Errors
/// There is no pipe; more than 32 KiB. Nothing was changed.
#[cfg(unix)]
pub fn hand_over(command: &mut Command, names: &[&str]) -> io::Result<bool> {
    let there = names.iter().filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
    let secrets = Secrets(there.collect());
    if secrets.is_empty() {
        return Ok(false);
    }
    let bytes = secrets.to_bytes();
    if bytes.len() > MOST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (reader, mut writer) = io::pipe()?;
    io::Write::write_all(&mut writer, &bytes)?;
    for name in names {
        command.env_remove(name);
    }
    command.env(MARK, std::process::id().to_string()).stdin(reader);
    Ok(true)
}

/// The same elsewhere: they stay where they are.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn hand_over(_: &mut Command, _: &[&str]) -> io::Result<bool> {
    Ok(false)
}

/// Takes these out of the environment: starts the program anew where they stand in it. Called before anything else.
///
/// # Errors
/// The program could not be started anew, and they are where they were.
pub fn take(names: &[&str]) -> io::Result<Secrets> {
    let secrets = received()?;
    if !secrets.is_empty() {
        return Ok(secrets);
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let mut words = env::args_os();
        let mut command = Command::new(env::current_exe()?);
        if let Some(own) = words.next() {
            command.arg0(own);
        }
        command.args(words);
        if hand_over(&mut command, names)? {
            return Err(command.exec());
        }
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn what_is_handed_over_is_what_was_there() {
        let words = [("A_KEY", "with = and\nlines and \u{e9}"), ("B", "")];
        let secrets = Secrets(words.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(Secrets::from_bytes(&secrets.to_bytes()), secrets);
        assert_eq!(format!("{secrets:?}"), r#"{"A_KEY", "B"}"#);
    }
}
