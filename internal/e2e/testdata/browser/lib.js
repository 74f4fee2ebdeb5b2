"use strict";
// What the scripts of this directory have in common: a browser that notices what
// must not happen, steps that say what was found, and looks at pages.
const fs = require("node:fs");
const path = require("node:path");
const assert = require("node:assert/strict");
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"];

const given = JSON.parse(process.env.VC_BROWSER_TEST);

// Chromium notes in its console that a page is a refusal; these pages are.
const refusals = /^Failed to load resource: the server responded with a status of (401|403|404|409)/;

// The parts of axe's judgement that fail a page.
const serious = ["serious", "critical"];

class Browser {
  static async start() {
    const b = new Browser();
    b.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
    b.wrong = [];
    b.away = false; // the server is, as the test wants it
    b.away = false; // whether the server is, which browsers complain of
    b.seen = new Set();
    return b;
  }

  // person is a browser of its own, of somebody who reads English.
  async person(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(45_000);
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => console.error("CSP violation: " + e.violatedDirective + " " + e.blockedURI));
    });
    const page = await context.newPage();
    page.on("console", (m) => {
      if (["error", "warning"].includes(m.type()) && !refusals.test(m.text()) && !(this.away && /net::ERR_/.test(m.text()))) this.wrong.push(`${page.url()}: ${m.text()}`);
    });
    page.on("pageerror", (e) => this.wrong.push(`${page.url()}: ${e.message}`));
    page.on("request", (r) => {
      const url = new URL(r.url());
      if (!["data:", "blob:"].includes(url.protocol) && url.hostname !== "127.0.0.1") this.wrong.push(`${page.url()} asks for ${r.url()}`);
    });
    return page;
  }

  // looked looks at a page in both schemes and at both widths: nothing is wider than
  // the screen, axe finds nothing serious, and there is a picture of it.
  async looked(page, name) {
    const was = page.viewportSize();
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.evaluate(() => scrollTo(0, 0));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${name} is ${over} pixels wider than ${width}`);
        const found = await page.evaluate(axe + "; axe.run(document, { resultTypes: ['violations'] })");
        const bad = found.violations.filter((v) => serious.includes(v.impact));
        assert.deepEqual(bad.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary).join("; ")}`), [], `${name} at ${width}, ${colorScheme}`);
        await page.screenshot({ path: path.join(given.screens, `${name}-${width}-${colorScheme}.jpg`), type: "jpeg", quality: 62, animations: "disabled" });
      }
    }
    await page.setViewportSize(was);
    await page.emulateMedia({ colorScheme: null, reducedMotion: null });
    this.seen.add(name);
    say("looked at", name);
  }

  async end() {
    await this.browser.close();
    assert.deepEqual(this.wrong, [], "what browsers complained of");
  }
}

// say tells the test what was found.
function say(...words) { console.log(words.join(" ")); }

// tabTo presses the key until what has the focus matches, as somebody without a
// mouse does.
async function tabTo(page, selector, key = "Tab") {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press(key);
    if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
  }
  assert.fail(`${selector} is not to be had by ${key} at ${page.url()}`);
}

// filmed makes a film in the browser that browsers can play: a moving picture, and
// a tone.
async function filmed(b, file, seconds) {
  const page = await b.browser.newPage();
  const text = await page.evaluate(async (seconds) => {
    const canvas = document.createElement("canvas");
    canvas.width = 640; canvas.height = 360;
    const pen = canvas.getContext("2d"), audio = new AudioContext(), tone = audio.createOscillator(), out = audio.createMediaStreamDestination();
    tone.connect(out); tone.start();
    const stream = new MediaStream([...canvas.captureStream(25).getTracks(), ...out.stream.getTracks()]);
    const recorder = new MediaRecorder(stream, { mimeType: "video/webm;codecs=vp8,opus", videoBitsPerSecond: 4_000_000 });
    const parts = [];
    recorder.ondataavailable = (e) => parts.push(e.data);
    let n = 0;
    const draw = setInterval(() => {
      const noise = pen.createImageData(640, 360);
      for (let i = 0; i < noise.data.length; i += 4) { noise.data[i] = Math.random() * 90; noise.data[i + 1] = (i / 4 % 640) / 4; noise.data[i + 2] = 120; noise.data[i + 3] = 255; }
      pen.putImageData(noise, 0, 0);
      pen.fillStyle = "#fff"; pen.fillRect(20 + n++ * 4 % 560, 150, 60, 60);
    }, 40);
    recorder.start();
    await new Promise((r) => setTimeout(r, seconds * 1000));
    clearInterval(draw);
    await new Promise((r) => { recorder.onstop = r; recorder.stop(); });
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    let s = "";
    for (let i = 0; i < bytes.length; i += 32768) s += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(s);
  }, seconds);
  await page.close();
  // However little a busy machine has recorded, it is frames enough to be watched
  // on their way: a Void element (RFC 8794, section 11.3.2) follows.
  const head = Buffer.alloc(9), rest = require("node:crypto").randomBytes(5_000_000);
  head[0] = 0xec; head[1] = 0x01; head.writeUIntBE(rest.length, 3, 6);
  fs.writeFileSync(file, Buffer.concat([Buffer.from(text, "base64"), head, rest]));
  return fs.statSync(file).size;
}

// run runs a script; where it fails, what its browser shows is said.
function run(script) {
  let b;
  const whole = async () => { b = await Browser.start(); await script(b); await b.end(); say("done"); };
  whole().catch(async (e) => {
    console.error(e);
    for (const page of (b ? b.browser.contexts() : []).flatMap((c) => c.pages())) {
      try { console.error(page.url(), (await page.locator("body").innerText({ timeout: 2000 })).slice(0, 1500)); } catch { /* it has gone */ }
    }
    process.exit(1);
  });
}

module.exports = { run, assert, given, say, tabTo, filmed };
