"use strict";
// What the central console's pages gain from a script besides look.js: an answer
// while a deadline and a pace are being chosen, what a device can do, and times on
// the axis of the plan.

// The deadline is meant in the zone of who writes it.
function ask(form) {
  const by = form.elements.by, offset = form.elements.offset, pace = form.elements.pace, soonest = form.querySelector("input[name=earliest]"), said = form.querySelector("[data-said]");
  let waiting, latest = 0;
  const zone = () => { offset.value = by.value ? -new Date(by.value).getTimezoneOffset() : ""; };
  const look = async () => {
    zone();
    if (!by.value || !form.dataset.where) return;
    const turn = ++latest;
    form.classList.add("asking");
    try {
      const reply = await fetch(form.dataset.where + "?" + new URLSearchParams({ by: by.value, offset: offset.value, pace: pace.value }));
      const made = document.createElement("template");
      made.innerHTML = await reply.text();
      if (turn !== latest) return;
      localize(made.content);
      for (const old of form.querySelectorAll("[data-at]")) {
        const next = [...made.content.querySelectorAll("[data-at]")].find((e) => e.dataset.at === old.dataset.at);
        if (next) old.replaceWith(next);
        else old.textContent = "";
      }
      said.replaceChildren(...(made.content.querySelector("[data-said]")?.childNodes ?? []));
      lost(false);
    } catch {
      lost(true);
    } finally {
      if (turn === latest) form.classList.remove("asking");
    }
  };
  const soon = () => { by.disabled = soonest.checked; };
  // The time that the server wrote is in its own zone.
  if (by.dataset.instant) {
    const at = new Date(by.dataset.instant);
    by.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  }
  for (const field of [by, pace]) field?.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(look, 200); });
  soonest.addEventListener("change", soon);
  for (const button of form.querySelectorAll("button[data-hours]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const at = new Date(Date.now() + button.dataset.hours * 3600000);
      by.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
      soonest.checked = false;
      soon();
      look();
    });
  }
  form.addEventListener("submit", zone);
  soon();
  zone();
}

const asked = document.querySelector("form[data-where], form[data-by]");
if (asked) ask(asked);

// What has to wait is asked again by itself.
const again = document.querySelector("form[data-again]");
if (again) setTimeout(() => again.submit(), 1500);

// What a camera can do is proposed for the one that is chosen.
for (const source of document.querySelectorAll("[data-device]")) {
  const offer = () => {
    const device = source.querySelector("input[type=radio]:checked")?.value;
    for (const field of source.querySelectorAll("[data-list]")) {
      const own = device + "-" + field.dataset.list;
      field.setAttribute("list", document.getElementById(own) ? own : field.dataset.list);
    }
  };
  source.addEventListener("change", offer);
  offer();
}

// A picture of what is captured is the latest, while it can be seen.
const seen = new Set();
const sights = new IntersectionObserver((all) => {
  for (const e of all) e.isIntersecting ? seen.add(e.target) : seen.delete(e.target);
});
for (const img of document.querySelectorAll("img[data-fresh]")) sights.observe(img);
setInterval(() => {
  if (document.hidden) return;
  for (const img of seen) if (img.complete) img.src = img.src.split("?")[0] + "?at=" + Date.now();
}, 3000);

// An axis has as few letters as will do.
const axis = document.querySelector(".plan[data-hours]");
if (axis) {
  const form = axis.dataset.hours > 24
    ? { weekday: "short", day: "numeric", hour: "numeric", minute: "2-digit" } : { hour: "numeric", minute: "2-digit" };
  const clock = new Intl.DateTimeFormat(locale, form);
  for (const t of axis.querySelectorAll("text[data-at]")) t.textContent = clock.format(new Date(t.dataset.at));
}
