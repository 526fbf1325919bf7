//! The patient banner: who all of this belongs to. Drawn from the same value as everything under it.

use chatehr_contract::ConsultationView;
use yew::prelude::*;

use super::shell::{Dispatch, Step};
use crate::{
    icon::{Glyph, Icon},
    time, words,
};

/// What the banner is made of.
pub struct BannerProps {
    /// Whose.
    pub view: std::rc::Rc<ConsultationView>,
    /// Whether the folded context pane is pulled out.
    pub details: bool,
    /// Where its buttons go.
    pub dispatch: Dispatch,
}

/// See the module.
pub fn patient_banner(props: &BannerProps) -> Html {
    let row = &props.view.row;
    let today = time::local(time::now());
    let (dispatch, details) = (props.dispatch.clone(), props.details);
    let back = {
        let dispatch = props.dispatch.clone();
        move |_| dispatch.dispatch(Step::CloseConsultation)
    };
    let fact = |label: &'static str, value: String, class: Option<&'static str>| {
        html! { <div class={classes!(class)}><dt>{ label }</dt><dd>{ value }</dd></div> }
    };
    html! {
        <header class="patient-banner" aria-label="Patient" data-test="patient-banner" data-id={row.id.to_string()}>
            <button type="button" class="button quiet small icon-only back" aria-label="Back to the list" onclick={back}>
                <Icon glyph={Glyph::Back} />
            </button>
            if let Some(patient) = &row.patient {
                <h2>{ patient.name.filed() }</h2>
                <dl>
                    { fact("Born", match time::age(&patient.birth_date, today) {
                        Some(age) => format!("{} ({age} y)", time::birth_words(&patient.birth_date)),
                        None => time::birth_words(&patient.birth_date),
                    }, None) }
                    { fact("Sex", words::sex(patient.sex).to_owned(), None) }
                    { fact("Patient id", row.patient_id.to_string(), None) }
                    if patient.allergies.is_empty() {
                        { fact("Allergies", "None recorded".to_owned(), Some("unsure")) }
                    } else {
                        { fact("Allergies", patient.allergies.join(", "), Some("allergies")) }
                    }
                </dl>
            } else {
                <h2>{ row.patient_id.to_string() }</h2>
                <dl>{ fact("Name, birth date, allergies", "Not provided by this server".to_owned(), Some("unsure")) }</dl>
            }
            <button type="button" class="button small details-toggle" aria-expanded={details.to_string()}
                onclick={move |_| dispatch.dispatch(Step::Details(!details))} data-test="details">
                <Icon glyph={Glyph::Details} />{ "Details" }
            </button>
        </header>
    }
}
