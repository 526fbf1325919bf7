//! A question that is asked twice: first what will happen, then whether it is really meant.

use yew::prelude::*;

use super::dialog::Dialog;
use crate::dom;

/// What a twofold question is made of.
#[derive(PartialEq, Properties)]
pub struct ConfirmProps {
    /// Names its buttons for a test.
    pub name: &'static str,
    /// The first question.
    pub title: AttrValue,
    /// What will happen, line by line.
    pub lines: &'static [&'static str],
    /// The button that leads to the second question.
    pub go_on: AttrValue,
    /// The second question, whose answer is final; without it the first one is.
    #[prop_or_default]
    pub sure: Option<AttrValue>,
    /// The button that does it.
    pub act: AttrValue,
    /// It is meant.
    pub on_yes: Callback<()>,
    /// It is not.
    pub on_no: Callback<()>,
}

/// See the module. For the second question the buttons change places, so that a press too many says no.
#[component]
pub fn Confirm(props: &ConfirmProps) -> Html {
    let asked = use_state(|| false);
    let safe = use_node_ref();
    use_effect_with((safe.clone(), *asked), |(safe, _)| dom::focus(safe));
    let last = *asked || props.sure.is_none();
    let yes = {
        let (asked, on_yes) = (asked.setter(), props.on_yes.clone());
        move |_: MouseEvent| if last { on_yes.emit(()) } else { asked.set(true) }
    };
    let title = props.sure.clone().filter(|_| *asked).unwrap_or_else(|| props.title.clone());
    let no = html! {
        <button ref={safe} key="no" type="button" class={classes!("button", asked.then_some("primary"))}
            onclick={props.on_no.reform(|_: MouseEvent| ())}>{ "Not now" }</button>
    };
    let yes = html! {
        <button key={if *asked { "sure" } else { "yes" }} type="button" onclick={yes}
            class={classes!("button", if *asked { "danger" } else { "primary" })}
            data-test={format!("{}-{}", props.name, if last { "confirm" } else { "go-on" })}>
            { if last { props.act.clone() } else { props.go_on.clone() } }
        </button>
    };
    html! {
        <Dialog {title} on_close={props.on_no.clone()}>
            <ul class="plain-list">{ for props.lines.iter().map(|line| html! { <li>{ *line }</li> }) }</ul>
            <div class="dialog-actions">{ for if *asked { [yes, no] } else { [no, yes] } }</div>
        </Dialog>
    }
}
