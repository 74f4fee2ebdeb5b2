"use strict";
// What the pages gain from a script: times in the zone of who reads them, lists
// that keep themselves fresh, and an answer while a deadline is being chosen.
// Each page works without it.

const shown = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });

function localize(root) {
  for (const t of root.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (!isNaN(at)) {
      t.title = t.dateTime;
      t.textContent = shown.format(at);
    }
  }
}

function lost(is) {
  const note = document.querySelector(".lost");
  note.textContent = is ? document.body.dataset.lost : "";
  note.hidden = !is;
}

// Parts of the page as the server makes them anew. One that a person is busy
// with stays as it is until they leave it.
function follow(from) {
  const stream = new EventSource(from);
  stream.onopen = () => lost(false);
  stream.onerror = () => lost(true);
  stream.addEventListener("over", () => stream.close());
  stream.addEventListener("part", (event) => {
    const part = JSON.parse(event.data);
    const made = document.createElement("template");
    made.innerHTML = part.html;
    const next = made.content.firstElementChild;
    localize(made.content);
    const old = document.getElementById(part.id);
    if (!old) {
      document.querySelector("[data-events]").prepend(next);
    } else if (!old.querySelector("details[open]") && !old.contains(document.activeElement)) {
      old.replaceWith(next);
    } else {
      for (const name of ["progress", ".meta", ".badges"]) {
        const before = old.querySelector(name), after = next.querySelector(name);
        if (before && after) before.replaceWith(after);
      }
    }
  });
  addEventListener("pagehide", () => stream.close());
}

// The deadline is meant in the zone of who writes it.
function ask(form) {
  const by = form.elements.by, offset = form.elements.offset, answer = form.querySelector(".where");
  let waiting, latest = 0;
  const zone = () => { offset.value = by.value ? -new Date(by.value).getTimezoneOffset() : ""; };
  const look = async () => {
    zone();
    if (!by.value) return;
    const turn = ++latest;
    try {
      const reply = await fetch(form.dataset.where + "?" + new URLSearchParams({ by: by.value, offset: offset.value }));
      const text = await reply.text();
      if (turn === latest) {
        answer.innerHTML = text;
        localize(answer);
      }
      lost(false);
    } catch {
      lost(true);
    }
  };
  by.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 250); });
  form.addEventListener("submit", zone);
  if (!answer.querySelector("li")) look();
}

localize(document);
const events = document.querySelector("[data-events]");
if (events) follow(events.dataset.events);
const form = document.querySelector("form[data-where]");
if (form) ask(form);
