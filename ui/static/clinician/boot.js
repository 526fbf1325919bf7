// Starts the window. If it ever fails, the page says so instead of standing still or empty: the host goes on
// underneath, keeps what was typed, and a new page asks it for everything again.
import init from "./app.js";

let lost = false;

function giveUp() {
  if (lost) return;
  lost = true;
  const notice = document.getElementById("lost").content.cloneNode(true);
  document.body.replaceChildren(notice);
  const again = document.getElementById("again");
  again.addEventListener("click", () => location.reload());
  again.focus();
}

addEventListener("error", giveUp);
addEventListener("unhandledrejection", giveUp);
init({ module_or_path: new URL("./app_bg.wasm", import.meta.url) }).catch(giveUp);
