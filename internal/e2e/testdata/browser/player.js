"use strict";
// What arrived is played by the console of the reception, it says when it has lost
// touch with the server, and it is of use without a script.
const { run, assert, given, say } = require("./lib.js");
const home = given.gallery.replace(/\/$/, "");

// open goes to a deposit by its title.
async function open(page, title) {
  await page.goto(home + "/");
  await page.locator(".card h2 a", { hasText: title }).click();
  await page.locator(".seal").waitFor();
  assert.equal(await page.locator(".seal.broken").count(), 0);
}

// card plays the film of make run, which a browser needs nothing for.
async function card(page) {
  await open(page, "Test card");
  const video = page.locator("video");
  await video.evaluate((v) => v.play());
  await page.waitForFunction(() => { const v = document.querySelector("video"); return v.currentTime > 0.5 && v.videoWidth === 640 && v.webkitAudioDecodedByteCount > 0; });
  await video.evaluate((v) => new Promise((done) => { v.pause(); v.onseeked = done; v.currentTime = 6.5; }));
  // The bar of progress is white as far as the film has gone.
  const [done, left] = await video.evaluate((v) => {
    const canvas = document.createElement("canvas");
    canvas.width = v.videoWidth; canvas.height = v.videoHeight;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(v, 0, 0);
    return [440, 560].map((x) => pen.getImageData(x, 347, 1, 1).data[1]);
  });
  assert.ok(done > 200 && left < 60, `at 6.5 s of 8 the bar has ${done} and ${left}`);
  const heard = await video.evaluate((v) => v.webkitAudioDecodedByteCount);
  say(`the card plays and seeks; ${heard} bytes of sound decoded`);
}

// oneByOne plays what has its pictures one by one, with its sound beside; that is
// no silence.
async function oneByOne(page, title) {
  await open(page, title);
  const canvas = page.locator("canvas.player");
  await canvas.waitFor();
  const audio = page.locator("audio");
  await audio.evaluate((a) => a.play());
  await page.waitForFunction(() => {
    const a = document.querySelector("audio"), shown = document.querySelector(".reel").dataset;
    return a.currentTime > 0.5 && a.webkitAudioDecodedByteCount > 0 && Number(shown.count) > 3 && Number(shown.shown) > 0;
  });
  await audio.evaluate((a) => a.pause());
  const loudest = await audio.evaluate(async (a) => {
    const bytes = await (await fetch(a.src)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
    return sound.getChannelData(0).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  });
  assert.ok(loudest > 0.05 && loudest <= 1, `the loudest of ${title} is ${loudest}`);
  say(`${title} plays picture by picture; its sound swings to ${loudest.toFixed(2)}`);
}

// touch says that the page has lost the server, and that it is there again.
async function touch(b, page) {
  await page.goto(home + "/");
  const note = page.locator(".lost");
  await page.waitForFunction(() => document.querySelector("[data-events]") !== null);
  assert.equal(await note.isVisible(), false);
  b.away = true;
  say("cut");
  await note.waitFor({ state: "visible" });
  assert.ok((await note.innerText()).length > 10 && await note.getAttribute("role") === "status");
  say("join");
  await note.waitFor({ state: "hidden" });
  say("the page says that it lost touch, and when it is there again");
}

// plain is the console of somebody whose browser runs no script.
async function plain(b) {
  const page = await b.person({ javaScriptEnabled: false });
  await open(page, "Short card");
  await page.locator("img.player").waitFor();
  assert.ok(await page.locator('noscript a[href$="/pictures"], a[href$="/pictures"]').first().isVisible());
  assert.ok((await page.locator("audio").getAttribute("src")).endsWith("/sound.wav"));
  await page.locator("form.verify button").click();
  await page.getByText("Read again, it is what was sent.").waitFor();
  await page.locator('a.button[href^="/deposits/"]').last().click();
  await page.locator(".seal").waitFor();
  await page.goto(home + "/?q=no-such-title");
  await page.getByText("Nothing that arrived is called that.").waitFor();
  say("without a script it is found, played in parts, and read again");
}

run(async (b) => {
  const page = await b.person();
  await card(page);
  await oneByOne(page, "Short card");
  await oneByOne(page, "Pattern and FLAC");
  await plain(b);
  await touch(b, page);
});
