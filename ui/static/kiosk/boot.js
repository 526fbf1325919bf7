// Starts the window. If it ever fails, nothing of the person stays on the screen: the page says where to go and is
// loaded anew, and a new page begins by asking the host to forget whoever was there.
import init from "./app.js";

let lost = false;

function giveUp() {
  if (lost) return;
  lost = true;
  const notice = document.getElementById("lost").content.cloneNode(true);
  document.body.replaceChildren(notice);
  setTimeout(() => location.reload(), 5000);
}

addEventListener("error", giveUp);
addEventListener("unhandledrejection", giveUp);
init({ module_or_path: new URL("app_bg.wasm", import.meta.url) }).catch(giveUp);
