//! A question that must be answered before going on. The browser's own dialog: it holds the focus and closes on Esc.

use yew::prelude::*;

use crate::dom::Listener;

/// What a dialog is made of.
#[derive(PartialEq, Properties)]
pub struct DialogProps {
    /// What it asks.
    pub title: AttrValue,
    /// Esc, or its own button.
    pub on_close: Callback<()>,
    /// The rest.
    pub children: Html,
}

/// See the module.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let node = use_node_ref();
    use_effect_with((node.clone(), props.on_close.clone()), |(node, on_close)| {
        let dialog = node.cast::<web_sys::HtmlDialogElement>();
        if let Some(dialog) = dialog.as_ref().filter(|dialog| !dialog.open()) {
            // Modal from the start: the rest of the window waits.
            drop(dialog.show_modal());
        }
        let on_close = on_close.clone();
        let closed =
            dialog.and_then(|dialog| Listener::on(dialog.into(), "close", move |_| on_close.emit(())));
        move || drop(closed)
    });
    html! {
        <dialog ref={node} class="dialog" aria-label={props.title.clone()}>
            <h2>{ props.title.clone() }</h2>
            { props.children.clone() }
        </dialog>
    }
}
