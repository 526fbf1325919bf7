//! The alert's sound, made by the window where the desktop makes none: two short tones.
//!
//! Made, not loaded: the window's content policy lets no media in, and needs not. A system without sound stays silent; the
//! banner does not depend on it.

use wasm_bindgen::JsValue;
use web_sys::{AudioContext, OscillatorType};

/// Frequency in hertz, and when it begins, in seconds.
const TONES: [(f32, f64); 2] = [(880.0, 0.0), (660.0, 0.22)];
/// How long a tone lasts, in seconds.
const LENGTH: f64 = 0.2;
/// Of full strength: to be heard in a room, not to frighten.
const LOUDNESS: f32 = 0.35;

thread_local! {
    // A page may have only a few; one is kept.
    static CONTEXT: Option<AudioContext> = AudioContext::new().ok();
}

/// Plays it.
pub fn alert() {
    CONTEXT.with(|context| {
        if let Some(context) = context {
            // Nothing else can be done about a system that does not play.
            drop(play(context));
        }
    });
}

fn play(context: &AudioContext) -> Result<(), JsValue> {
    // A context that was made before anybody touched the page may stand still.
    drop(context.resume()?);
    let now = context.current_time();
    for (frequency, after) in TONES {
        let (tone, strength) = (context.create_oscillator()?, context.create_gain()?);
        tone.set_type(OscillatorType::Triangle);
        tone.frequency().set_value(frequency);
        // In and out without a click.
        let gain = strength.gain();
        gain.set_value_at_time(0.0, now + after)?;
        gain.linear_ramp_to_value_at_time(LOUDNESS, now + after + 0.02)?;
        gain.linear_ramp_to_value_at_time(0.0, now + after + LENGTH)?;
        tone.connect_with_audio_node(&strength)?;
        strength.connect_with_audio_node(&context.destination())?;
        tone.start_with_when(now + after)?;
        tone.stop_with_when(now + after + LENGTH)?;
    }
    Ok(())
}
