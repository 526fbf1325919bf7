//! A question that must be answered before going on. The browser's own dialog: it holds the focus and closes on Esc.

use yew::prelude::*;

/// What a dialog is made of.
#[derive(PartialEq, Properties)]
pub struct DialogProps {
    /// What it asks.
    pub title: AttrValue,
    /// Esc, or a press outside.
    pub on_close: Callback<()>,
    /// The rest.
    pub children: Html,
}

/// See the module.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        if let Some(dialog) = node.cast::<web_sys::HtmlDialogElement>() {
            // It fails only when it is open already, which is what is wanted.
            drop(dialog.show_modal());
        }
    });
    let onclose = {
        let on_close = props.on_close.clone();
        move |_: Event| on_close.emit(())
    };
    html! {
        <dialog ref={node} class="dialog" {onclose} aria-labelledby="dialog-title">
            <h2 id="dialog-title">{ props.title.clone() }</h2>
            { props.children.clone() }
        </dialog>
    }
}
