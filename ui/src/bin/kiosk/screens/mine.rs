//! What is already the patient's: their appointments and messages.

use chatehr_contract::{AppointmentStatus, KioskAppointment, KioskMessage, MessageBody};
use chatehr_ui::{
    icon::{Glyph, Icon},
    time,
};
use yew::prelude::*;

use super::Draw;
use crate::{
    flow::{Input, Reading},
    words::Pair,
};

impl Draw<'_> {
    pub(super) fn appointments(&self, reading: &Reading<Vec<KioskAppointment>>) -> Html {
        let words = self.words;
        self.list(words.appointments, words.no_appointments, reading, |all| {
            let rows = all.iter().map(|appointment| self.appointment(appointment));
            html! { <ul class="rows">{ for rows }</ul> }
        })
    }

    fn appointment(&self, appointment: &KioskAppointment) -> Html {
        let words = self.words;
        let at = time::local(appointment.date_time);
        let physician =
            appointment.physician.as_ref().map(|name| name.spoken()).filter(|name| !name.is_empty());
        let with = physician
            .map_or_else(|| words.appointment_alone.to_owned(), |name| (words.appointment_with)(&name));
        let off = matches!(appointment.status, AppointmentStatus::Cancelled | AppointmentStatus::NoShow);
        html! {
            <li class={classes!("appointment", off.then_some("off"))} data-test="appointment-row">
                <div class="when">
                    <strong>{ (words.day)(at) }</strong>
                    <span>{ (words.clock)(at) }</span>
                </div>
                <div class="whom">
                    <strong>{ with }</strong>
                    <span>{ (words.minutes)(appointment.duration) }</span>
                </div>
                <span class="status">{ (words.appointment_status)(&appointment.status) }</span>
            </li>
        }
    }

    pub(super) fn messages(&self, reading: &Reading<Vec<KioskMessage>>) -> Html {
        let words = self.words;
        self.list(words.messages, words.no_messages, reading, |all| {
            let (newest, groups) = (newest(all), grouped(all));
            let groups = groups.iter().map(|group| self.conversation(group, newest));
            html! { <div class="conversations">{ for groups }</div> }
        })
    }

    fn conversation(&self, messages: &[&KioskMessage], newest: Option<&KioskMessage>) -> Html {
        // The latest tells where the consultation stands.
        let Some(latest) = messages.last() else { return Html::default() };
        let is_newest = |message: &KioskMessage| newest.is_some_and(|newest| std::ptr::eq(newest, message));
        html! {
            <section class="conversation">
                <header>
                    <h2>{ (self.words.specialty)(&latest.specialty).head }</h2>
                    <span class="status">{ (self.words.consultation_status)(&latest.status) }</span>
                </header>
                <ul>{ for messages.iter().map(|message| self.message(message, is_newest(message))) }</ul>
            </section>
        }
    }

    fn message(&self, message: &KioskMessage, newest: bool) -> Html {
        let words = self.words;
        let at = time::local(message.at);
        let author = message.from.as_ref().map(|name| name.spoken()).filter(|name| !name.is_empty());
        let author = if message.mine {
            words.you.to_owned()
        } else {
            // Only physicians' names come with messages.
            author.map_or_else(|| words.clinic.to_owned(), |name| (words.doctor)(&name))
        };
        let body = match &message.body {
            MessageBody::Clear { text } => html! { <p class="text">{ text }</p> },
            MessageBody::Sealed => self.not_shown(Glyph::Lock, words.sealed),
            MessageBody::Unreadable => self.not_shown(Glyph::Warning, words.unreadable),
        };
        html! {
            <li class={classes!("message", message.mine.then_some("mine"))} data-test="message"
                data-newest={newest.then_some("")}>
                { body }
                <p class="by"><strong>{ author }</strong>{ format!(" · {}, {}", (words.day)(at), (words.clock)(at)) }</p>
            </li>
        }
    }

    fn not_shown(&self, glyph: Glyph, why: &'static str) -> Html {
        html! { <p class="text not-shown"><Icon {glyph} /><span>{ why }</span></p> }
    }

    /// A list while it is read, when it is empty, and when it could not be read.
    fn list<T>(
        &self,
        title: &'static str,
        nothing: Pair,
        reading: &Reading<Vec<T>>,
        rows: impl FnOnce(&[T]) -> Html,
    ) -> Html {
        let content = match reading {
            Reading::Waiting => html! {
                <p class="quiet" role="status"><span class="spinner" />{ self.words.reading }</p>
            },
            Reading::Here(all) if all.is_empty() => html! {
                <div class="quiet" data-test="nothing-here"><strong>{ nothing.head }</strong><p>{ nothing.more }</p></div>
            },
            Reading::Here(all) => rows(all),
            Reading::Failed(notice) => html! {
                <>
                    { self.notice(Some(*notice), self.words.trouble) }
                    <button type="button" class="plain again" data-test="try-again"
                        onclick={self.on_press(Input::ReadAgain)}>
                        <Icon glyph={Glyph::Again} />{ self.words.try_again }
                    </button>
                </>
            },
        };
        html! {
            <>
                <header class="heading"><h1 tabindex="-1">{ title }</h1></header>
                { content }
            </>
        }
    }
}

/// The last message of the latest conversation: where the list opens.
fn newest(messages: &[KioskMessage]) -> Option<&KioskMessage> {
    messages.iter().max_by_key(|message| message.at)
}

/// By consultation, in the order in which the consultations first appear.
fn grouped(messages: &[KioskMessage]) -> Vec<Vec<&KioskMessage>> {
    let mut groups: Vec<Vec<&KioskMessage>> = Vec::new();
    for message in messages {
        let same = |group: &&mut Vec<&KioskMessage>| {
            group.first().is_some_and(|first| first.consultation_id == message.consultation_id)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(message),
            None => groups.push(vec![message]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use chatehr_contract::{ConsultationId, KioskMessage, MessageBody, Timestamp};

    fn message(consultation: &str, at: i64) -> KioskMessage {
        KioskMessage {
            consultation_id: ConsultationId::new(consultation),
            specialty: "cardiology".into(),
            status: "assigned".into(),
            mine: false,
            from: None,
            body: MessageBody::Sealed,
            at: Timestamp::from_millis(at),
        }
    }

    #[test]
    fn messages_open_at_the_last_one_whichever_conversation_it_is_in() {
        let all = [message("a", 3), message("b", 7), message("b", 9), message("a", 8)];
        assert_eq!(super::newest(&all), Some(&all[2]));
        assert_eq!(super::newest(&[]), None);
    }

    #[test]
    fn messages_of_one_consultation_stand_together_in_the_order_they_came() {
        let all = [message("b", 1), message("a", 2), message("b", 3)];
        let groups = super::grouped(&all);
        let times: Vec<Vec<i64>> =
            groups.iter().map(|group| group.iter().map(|message| message.at.millis()).collect()).collect();
        assert_eq!(times, [vec![1, 3], vec![2]]);
    }
}
