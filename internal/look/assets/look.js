"use strict";
// What the pages of both consoles gain from a script: times in the zone of who
// reads them, parts that keep themselves fresh, and buttons that copy. Each page
// works without it.

// As they write it where the reader is, in the language of the page.
const locale = (navigator.languages || []).find((l) => l.split("-")[0] === document.documentElement.lang) || document.documentElement.lang;
const long = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const dated = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

// A time of class "brief" is told as people tell it: without today's date.
function told(at, brief) {
  if (!brief) return long.format(at);
  return (at.toDateString() === new Date().toDateString() ? short : dated).format(at);
}

// What a time reads as is found out once.
const read = new Map();

function localize(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const key = t.dateTime + t.className;
    if (!read.has(key)) {
      const at = new Date(t.dateTime);
      if (isNaN(at)) continue;
      if (read.size > 2000) read.clear();
      read.set(key, [long.format(at), told(at, t.classList.contains("brief"))]);
    }
    [t.title, t.textContent] = read.get(key);
  }
}

function lost(is) {
  const note = document.querySelector(".lost");
  if (note.hidden !== is) return;
  note.textContent = is ? document.body.dataset.lost : "";
  note.hidden = !is;
  document.body.classList.toggle("stale", is);
}

// Makes an element as another is, and changes nothing else: what has the focus keeps
// it, what is open stays open, what plays plays on.
function become(old, next) {
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  if (old.childNodes.length !== next.childNodes.length) {
    if (!old.contains(document.activeElement) || old === document.activeElement) old.replaceChildren(...next.childNodes);
    return;
  }
  [...next.childNodes].forEach((to, i) => {
    const from = old.childNodes[i];
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) from.replaceWith(to);
    else if (to.nodeType === Node.ELEMENT_NODE) become(from, to);
    else if (from.data !== to.data) from.data = to.data;
  });
}

function take(part) {
  const made = document.createElement("template");
  made.innerHTML = part.html;
  localize(made.content);
  const next = made.content.firstElementChild, old = document.getElementById(part.id);
  if (old) {
    become(old, next);
    return;
  }
  const list = document.querySelector(next.dataset.into || "[data-events]");
  if (list) list.prepend(next);
}

// Parts of the page as the server makes them anew, while the page can be seen:
// a browser has few connections to a server, and a page in the background
// catches up when it is looked at again.
function follow(from) {
  let stream;
  // Refused, and not broken off: the page itself says why, once somebody is there
  // to say it. One that nobody looks at asks when it is looked at again.
  const refused = async () => {
    if (document.hidden || stream) return;
    try {
      if ((await fetch(location.href)).status < 500) return location.reload();
    } catch { /* nobody is there yet */ }
    setTimeout(refused, 4000);
  };
  const open = () => {
    stream = new EventSource(from);
    stream.onopen = () => lost(false);
    stream.onerror = () => {
      lost(true);
      if (stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
      stream = null;
      setTimeout(refused, 4000);
    };
    stream.addEventListener("part", (event) => take(JSON.parse(event.data)));
    stream.addEventListener("gone", (event) => document.getElementById(JSON.parse(event.data).id)?.remove());
    stream.addEventListener("goto", (event) => location.assign(JSON.parse(event.data).path));
    stream.addEventListener("over", () => { stream.close(); stream = null; from = ""; });
  };
  const close = () => { if (stream) stream.close(); stream = null; };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!stream && from) open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted && !stream && from) open(); });
  if (!document.hidden) open();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const from = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(from.textContent.trim());
    button.textContent = document.body.dataset.copied;
  } catch {
    getSelection().selectAllChildren(from);
  }
});
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

localize(document);
const watched = document.querySelector("[data-events]");
if (watched) follow(watched.dataset.events);
