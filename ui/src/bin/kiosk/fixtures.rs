//! A kiosk without a host, for looking at every screen in an ordinary browser.
//!
//! `?screen=how-soon&lang=es&size=large` jumps to a screen; `&problem=CODE` closes the kiosk and `&fail=CODE` lets
//! every question fail. Any six digits sign in but 000000. The screens are reached through the flow itself, so none
//! is shown here that a patient could not reach.

use std::rc::Rc;

use chatehr_contract::{
    ChangeNotice, EnvelopeId, ErrorCode, ErrorReport, KioskReceipt, KioskRequest,
    command::{Command, kiosk},
};
use chatehr_ui::{
    backend::{self, Backend, Rehearsal},
    time,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::flow::{Answer, Ask, Flow, Input, Language, Need, step};

struct Play {
    query: String,
}

/// A backend that plays the host, and the flow brought to the screen that the address asks for.
pub(crate) fn stage(flow: Flow) -> (Backend, Flow) {
    let query = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let play = Play { query };
    let mut flow = flow;
    for input in play.script() {
        let visit = flow.visit;
        let (next, ask) = step(flow, input);
        flow = next;
        if let Some(answer) = ask.and_then(|ask| play.reply(ask)) {
            flow = step(flow, Input::Answered(visit, answer)).0;
        }
    }
    (Backend::rehearsal(play), flow)
}

impl Play {
    fn wish(&self, name: &str) -> Option<&str> {
        let pairs = self.query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn error(&self, name: &str) -> Option<ErrorReport> {
        let wish = self.wish(name)?;
        ErrorCode::ALL.iter().find(|code| code.as_str() == wish).map(|code| ErrorReport::new(*code))
    }

    fn script(&self) -> Vec<Input> {
        let text = "Chest pressure since twenty minutes, and pain in the left arm. It got worse on the stairs.\nI take lisinopril 10 mg. Allergic to penicillin.";
        let id = || EnvelopeId::new("00000000-0000-4000-8000-000000000001");
        let screen = self.wish("screen").unwrap_or("start");
        let mut inputs = vec![];
        inputs.push(Input::Answered(0, Answer::Looked(self.look(screen))));
        inputs.push(Input::Begin);
        if screen == "start" {
            inputs.pop();
        }
        let code = if screen == "sign-in-wrong" { "000000" } else { "482913" };
        let signed_in = [Input::Code(code.to_owned()), Input::SignIn];
        let request = [
            Input::Need(Need::Request),
            Input::About("cardiology".into()),
            Input::HowSoon(self.wish("urgency").unwrap_or("urgent").into()),
            Input::ToldStaff,
            Input::Describe(text.to_owned()),
            Input::Review,
            Input::Send(id()),
        ];
        let steps = |count: usize| signed_in.iter().chain(request.iter().take(count)).cloned();
        match screen {
            "sign-in" => inputs.push(Input::Code("4829".to_owned())),
            "sign-in-waiting" => inputs.extend(steps(0)),
            "sign-in-wrong" | "menu" => inputs.extend(steps(0)),
            "about" => inputs.extend(steps(1)),
            "how-soon" => inputs.extend(steps(2)),
            "emergency" => {
                inputs.extend(steps(2));
                inputs.push(Input::HowSoon("emergency".into()));
            }
            "describe" => inputs.extend(steps(4)),
            "describe-empty" => {
                inputs.extend(steps(4));
                inputs.push(Input::Review);
            }
            "describe-long" => {
                inputs.extend(steps(4));
                inputs.push(Input::Describe("It hurts. ".repeat(480)));
            }
            "review" | "start-over" => inputs.extend(steps(6)),
            "receipt" | "sent" => inputs.extend(steps(7)),
            "appointments" => {
                inputs.extend(steps(0));
                inputs.push(Input::Need(Need::Appointments));
            }
            "messages" => {
                inputs.extend(steps(0));
                inputs.push(Input::Need(Need::Messages));
            }
            "idle" => {
                inputs.extend(steps(4));
                inputs.push(Input::Passed(60));
            }
            _ => {}
        }
        if screen == "start-over" {
            inputs.push(Input::StartOver);
        }
        let at = inputs.len().min(1);
        if self.wish("lang") == Some("es") {
            inputs.insert(at, Input::Speak(Language::Spanish));
        }
        if self.wish("size") == Some("large") {
            inputs.insert(at, Input::Enlarge(true));
        }
        inputs
    }

    /// Open until the screen is reached; a problem then comes with the first look of the window itself.
    fn look(&self, screen: &str) -> Result<chatehr_contract::KioskState, ErrorReport> {
        let problem = (screen == "start").then(|| self.error("problem")).flatten();
        Ok(chatehr_contract::KioskState { problem, person: None, warn_after: 60, reset_after: 20 })
    }

    fn reply(&self, ask: Ask) -> Option<Answer> {
        Some(match ask {
            Ask::Look => return None,
            Ask::Finish => Answer::Finished(Ok(())),
            Ask::SignIn(_) if self.wish("screen") == Some("sign-in-waiting") => return None,
            Ask::SignIn(code) => Answer::SignedIn(self.play::<kiosk::SignIn>(&code)),
            Ask::Send(_) if self.wish("sending").is_some() => return None,
            Ask::Send(request) => Answer::Sent(self.play::<kiosk::Request>(&request)),
            Ask::Appointments => Answer::Appointments(self.play::<kiosk::Appointments>(&())),
            Ask::Messages => Answer::Messages(self.play::<kiosk::Messages>(&())),
        })
    }

    fn play<C: Command>(&self, request: &C::Request) -> Result<C::Response, ErrorReport> {
        again(&self.value(C::NAME, again::<_, Value>(request)?)?)
    }

    fn value(&self, name: &'static str, request: Value) -> Result<Value, ErrorReport> {
        let fails = [kiosk::Request::NAME, kiosk::Appointments::NAME, kiosk::Messages::NAME].contains(&name);
        if let Some(error) = self.error("fail").filter(|_| fails) {
            return Err(error);
        }
        let empty = self.wish("empty").is_some();
        match name {
            kiosk::State::NAME => Ok(
                json!({ "problem": self.error("problem"), "person": null, "warnAfter": 60, "resetAfter": 20 }),
            ),
            kiosk::SignIn::NAME if request.get("code") == Some(&json!("000000")) => {
                Err(ErrorReport::new(ErrorCode::SignInRefused))
            }
            kiosk::SignIn::NAME => Ok(json!({ "name": { "family": "Szymańska", "given": ["Marta"] } })),
            kiosk::Request::NAME => receipt(&request),
            kiosk::Appointments::NAME => Ok(if empty { json!([]) } else { appointments() }),
            kiosk::Messages::NAME => Ok(if empty { json!([]) } else { messages() }),
            _ => Ok(Value::Null),
        }
    }
}

impl Rehearsal for Play {
    fn answer(&self, name: &'static str, request: Value) -> backend::Answer {
        let value = self.value(name, request);
        Box::pin(async move {
            // Long enough to see what is shown meanwhile.
            yew::platform::time::sleep(std::time::Duration::from_millis(300)).await;
            value
        })
    }

    fn listen(&self, _: Rc<dyn Fn(ChangeNotice)>) {}
}

fn again<T: Serialize, U: DeserializeOwned>(value: &T) -> Result<U, ErrorReport> {
    let value = serde_json::to_value(value);
    value.and_then(serde_json::from_value).map_err(|_| ErrorReport::new(ErrorCode::Internal))
}

fn receipt(request: &Value) -> Result<Value, ErrorReport> {
    let request: KioskRequest = again(request)?;
    again(&KioskReceipt {
        id: chatehr_contract::ConsultationId::new("019ab2f4-77c1-7d02-9a51-5f0e3c8b41d7"),
        received_at: time::now(),
        urgency: request.urgency,
        specialty: request.specialty,
    })
}

fn appointments() -> Value {
    let physician = json!({ "family": "Okafor", "given": ["Amara"] });
    json!([
        { "dateTime": "2026-11-24T09:20:00Z", "duration": 30, "physician": physician, "status": "booked" },
        { "dateTime": "2026-12-02T14:00:00Z", "duration": 45, "physician": { "family": "Lindqvist", "given": ["Erik"] }, "status": "pending" },
        { "dateTime": "2026-12-09T08:10:00Z", "duration": 20, "physician": null, "status": "cancelled" },
    ])
}

fn messages() -> Value {
    let okafor = json!({ "family": "Okafor", "given": ["Amara"] });
    let message = |consultation, specialty, status, mine: bool, body, at| {
        let from = if mine { Value::Null } else { okafor.clone() };
        json!({ "consultationId": consultation, "specialty": specialty, "status": status, "mine": mine,
            "from": from, "body": body, "at": at })
    };
    let clear = |text: &str| json!({ "kind": "clear", "text": text });
    json!([
        message(
            "c2",
            "cardiology",
            "in_progress",
            true,
            clear("Chest pressure since twenty minutes, and pain in the left arm."),
            "2026-11-23T10:41:00Z"
        ),
        message(
            "c2",
            "cardiology",
            "in_progress",
            false,
            clear("I am coming to you now. Please stay seated; a nurse is on the way."),
            "2026-11-23T10:44:00Z"
        ),
        message("c1", "dermatology", "completed", false, json!({ "kind": "sealed" }), "2026-10-12T08:00:00Z"),
        message(
            "c1",
            "dermatology",
            "completed",
            false,
            json!({ "kind": "unreadable" }),
            "2026-10-12T08:05:00Z"
        ),
    ])
}
