//! What Windows says of it when asked: whether this session is locked, or nobody looks at it any more because the remote
//! desktop was disconnected.
//!
//! Asked every two seconds. Windows tells it of itself only to a window's own procedure, and that of ours belongs to the
//! library that draws it. The screen is locked before a machine goes to sleep where the workstation is set up so;
//! otherwise the window's own time without input locks.

use std::{thread, time::Duration};

use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTS_SESSIONSTATE_LOCK, WTSDisconnected, WTSFreeMemory,
    WTSINFOEXW, WTSQuerySessionInformationW, WTSSessionInfoEx,
};

const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

pub(super) fn follow(locked: impl Fn() + Send + 'static) {
    let followed = thread::Builder::new().name("session-lock".to_owned()).spawn(move || {
        let mut before = false;
        loop {
            // What cannot be told changes nothing.
            let now = is_left().unwrap_or(before);
            if now && !before {
                locked();
            }
            before = now;
            thread::sleep(BETWEEN_LOOKS);
        }
    });
    if let Err(error) = followed {
        tracing::warn!(%error, "Nobody watches whether Windows is locked.");
    }
}

/// Whether this session is locked or disconnected; none where Windows does not say.
#[allow(
    unsafe_code,
    reason = "Windows offers it as calls of C alone, and no library that is used here wraps them"
)]
fn is_left() -> Option<bool> {
    let (mut told, mut length) = (std::ptr::null_mut::<u16>(), 0);
    // SAFETY: both places live until the call has returned, which is all that it asks of them.
    let done = unsafe {
        WTSQuerySessionInformationW(
            WTS_CURRENT_SERVER_HANDLE,
            WTS_CURRENT_SESSION,
            WTSSessionInfoEx,
            &raw mut told,
            &raw mut length,
        )
    };
    if done == 0 || told.is_null() {
        return None;
    }
    let whole = usize::try_from(length).is_ok_and(|length| length >= size_of::<WTSINFOEXW>());
    // SAFETY: after success `told` points at `length` bytes, which hold the record if they are enough for it; it is read
    // without regard to its alignment, and as level 1 only where it says that it is.
    let left = whole
        .then(|| unsafe { told.cast::<WTSINFOEXW>().read_unaligned() })
        .filter(|info| info.Level == 1)
        .map(|info| {
            // SAFETY: level 1 is the part of the union that was filled.
            let session = unsafe { info.Data.WTSInfoExLevel1 };
            session.SessionState == WTSDisconnected
                || session.SessionFlags.cast_unsigned() == WTS_SESSIONSTATE_LOCK
        });
    // SAFETY: it was allocated by the call above, is freed once, and nothing of it is used from here on.
    unsafe { WTSFreeMemory(told.cast()) };
    left
}
