"use strict";
// What arrived is played by the console of the reception.
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

run(async (b) => card(await b.person()));
