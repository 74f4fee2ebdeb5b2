"use strict";
// What the pages of a reception gain from a script: pictures that are shown one by
// one are played with their sound, and reading a deposit again shows how far it is.

// A film whose pictures come one by one. Its sound, where it has one, is the
// clock; the pictures are taken from a stream a little ahead of it and drawn when
// their time has come.
function film(stage) {
  const base = stage.dataset.base, length = Number(stage.dataset.length);
  const still = stage.querySelector("img"), audio = stage.querySelector("audio");
  const canvas = document.createElement("canvas");
  canvas.width = Number(stage.dataset.width);
  canvas.height = Number(stage.dataset.height);
  canvas.className = "player";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", stage.dataset.name);
  const pen = canvas.getContext("2d");

  // A clock of its own, for a film without sound.
  let begun = 0, at = 0, going = false;
  const now = () => audio ? audio.currentTime : Math.min(length, going ? at + (performance.now() - begun) / 1000 : at);

  let stream = null, waiting = [], drawn = -1;

  function draw(picture) {
    pen.drawImage(picture.image, 0, 0, canvas.width, canvas.height);
    drawn = picture.at;
    stage.dataset.shown = picture.at.toFixed(3);
    stage.dataset.count = Number(stage.dataset.count || 0) + 1;
    picture.image.close();
  }

  // Takes pictures from a time on, at most a second ahead.
  async function take(from) {
    const mine = new AbortController();
    if (stream) stream.abort();
    stream = mine;
    for (const picture of waiting) picture.image.close();
    waiting = [];
    try {
      const reply = await fetch(`${base}/pictures?pace=0&from=${from.toFixed(3)}`, { signal: mine.signal });
      for await (const picture of parts(reply.body.getReader())) {
        const image = await createImageBitmap(new Blob([picture.bytes], { type: "image/jpeg" })).catch(() => null);
        if (mine.signal.aborted) return;
        if (!image) continue;
        if (drawn < 0 || !playing()) {
          if (waiting.length === 0) { draw({ at: picture.at, image }); if (!playing()) { mine.abort(); return; } continue; }
        }
        waiting.push({ at: picture.at, image });
        while (!mine.signal.aborted && waiting.length > 0 && waiting[waiting.length - 1].at > now() + 1) await new Promise((done) => setTimeout(done, 50));
      }
    } catch (error) {
      if (error.name !== "AbortError" && !mine.signal.aborted) lost(true);
    }
  }

  const playing = () => audio ? !audio.paused && !audio.ended : going;

  function frame() {
    const t = now();
    let due = null;
    while (waiting.length > 0 && waiting[0].at <= t + 0.005) {
      if (due) due.image.close();
      due = waiting.shift();
    }
    if (due) draw(due);
    if (bar && !bar.matches(":active")) bar.value = t;
    if (label) label.textContent = time(t) + " / " + time(length);
    if (playing()) requestAnimationFrame(frame);
    if (going && t >= length) pause();
  }

  const time = (s) => { s = Math.floor(s); return (s >= 3600 ? Math.floor(s / 3600) + ":" + String(Math.floor(s / 60) % 60).padStart(2, "0") : Math.floor(s / 60)) + ":" + String(s % 60).padStart(2, "0"); };

  function start() {
    if (now() >= length - 0.01) at = 0;
    take(now());
    requestAnimationFrame(frame);
  }
  let bar, label, button;
  function pause() {
    at = now();
    going = false;
    if (stream) stream.abort();
    if (button) button.textContent = stage.dataset.play;
  }

  if (audio) {
    audio.addEventListener("playing", start);
    audio.addEventListener("pause", () => { if (stream) stream.abort(); });
    audio.addEventListener("seeking", () => { if (audio.paused) take(audio.currentTime); });
    canvas.addEventListener("click", () => { if (audio.paused) audio.play(); else audio.pause(); });
  } else {
    const controls = document.createElement("div");
    controls.className = "controls";
    button = document.createElement("button");
    button.type = "button";
    button.textContent = stage.dataset.play;
    const toggle = () => {
      if (going) { pause(); return; }
      if (now() >= length - 0.01) at = 0;
      begun = performance.now();
      going = true;
      button.textContent = stage.dataset.pause;
      start();
    };
    button.addEventListener("click", toggle);
    canvas.addEventListener("click", toggle);
    bar = document.createElement("input");
    bar.type = "range";
    bar.max = length;
    bar.step = 0.1;
    bar.value = 0;
    bar.setAttribute("aria-label", stage.dataset.position);
    bar.addEventListener("change", () => {
      at = Number(bar.value);
      begun = performance.now();
      take(at);
    });
    label = document.createElement("span");
    label.className = "meta";
    label.textContent = time(0) + " / " + time(length);
    controls.append(button, bar, label);
    stage.append(controls);
  }
  still.replaceWith(canvas);
  take(0);
}

// The pictures of a stream, each with its time (multipart/x-mixed-replace).
async function* parts(reader) {
  let held = new Uint8Array(0), done = false;
  const more = async () => {
    const got = await reader.read();
    if (got.done) { done = true; return; }
    const joined = new Uint8Array(held.length + got.value.length);
    joined.set(held);
    joined.set(got.value, held.length);
    held = joined;
  };
  const end = (from) => {
    for (let i = from; i + 3 < held.length; i++) if (held[i] === 13 && held[i + 1] === 10 && held[i + 2] === 13 && held[i + 3] === 10) return i;
    return -1;
  };
  while (!done) {
    let at = end(0);
    while (at < 0 && !done) { await more(); at = end(0); }
    if (at < 0) return;
    const head = new TextDecoder().decode(held.subarray(0, at));
    const size = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    const when = Number(/x-at: ([\d.]+)/i.exec(head)?.[1]);
    if (!(size >= 0)) return;
    while (held.length < at + 4 + size && !done) await more();
    if (held.length < at + 4 + size) return;
    yield { at: when, bytes: held.slice(at + 4, at + 4 + size) };
    held = held.slice(at + 4 + size);
  }
}

// A film that this browser does not play is still whole: it is said so.
function explain(player) {
  player.addEventListener("error", () => {
    document.getElementById(player.dataset.cannot).hidden = false;
    player.hidden = true;
  }, true);
}

// Reading a deposit again, with how far it is.
async function verify(event) {
  event.preventDefault();
  const form = event.target, verdict = document.getElementById("verdict"), button = form.querySelector("button");
  button.disabled = true;
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", form.dataset.reading);
  verdict.replaceChildren(bar);
  try {
    const reply = await fetch(form.action, { method: "POST", headers: { Accept: "text/event-stream" } });
    if (!reply.headers.get("Content-Type").startsWith("text/event-stream")) {
      // Refused: the page that came says why.
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      verdict.replaceChildren(page.querySelector(".note.bad") || "");
      return;
    }
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const got = await reader.read();
      if (got.done) break;
      text += got.value;
      for (let cut = text.indexOf("\n\n"); cut >= 0; cut = text.indexOf("\n\n")) {
        const said = /^event: (\w+)\ndata: (.*)$/s.exec(text.slice(0, cut));
        text = text.slice(cut + 2);
        if (!said) continue;
        const body = JSON.parse(said[2]);
        if (said[1] === "read") bar.value = body.size > 0 ? Math.floor(100 * body.done / body.size) : 100;
        if (said[1] === "part") take(body);
      }
    }
    lost(false);
  } catch {
    lost(true);
  } finally {
    button.disabled = false;
  }
}

// What is watched while it comes was held up by whatever the player waited for at
// its beginning; it plays a little faster until it is near to what comes.
function catchUp(player) {
  setInterval(() => {
    const held = player.buffered.length ? player.buffered.end(player.buffered.length - 1) - player.currentTime : 0;
    player.playbackRate = held > 1 ? 1.25 : held > 0.5 && player.playbackRate > 1 ? 1.1 : 1;
  }, 500);
}

for (const player of document.querySelectorAll("video[autoplay]")) catchUp(player);
for (const stage of document.querySelectorAll(".reel")) film(stage);
for (const player of document.querySelectorAll("[data-cannot]")) explain(player);
for (const form of document.querySelectorAll("form.verify")) form.addEventListener("submit", verify);
