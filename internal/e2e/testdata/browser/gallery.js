"use strict";
// What arrived, seen and heard in the console of the reception; and a recording
// while it is made.
const { run, assert, given, say } = require("./lib.js");
const home = given.gallery.replace(/\/$/, "");

// played plays the film: its picture is there, its time goes on, its sound is heard.
async function played(b, page) {
  await page.goto(home + "/");
  // It was asked for twice, so that it has two receipts: the first is of what crossed.
  const first = page.locator(".card h2 a", { hasText: "The Night Train" }).last();
  await first.waitFor();
  await b.looked(page, "gallery");
  await first.click();
  await page.locator(".seal").waitFor();
  assert.equal(await page.locator(".seal.broken").count(), 0);
  say("sha256", await page.locator("#sha").innerText());
  const video = page.locator("video");
  await video.evaluate((v) => v.play());
  await page.waitForFunction(() => { const v = document.querySelector("video"); return v.currentTime > 1 && v.videoWidth > 0 && v.webkitAudioDecodedByteCount > 0; });
  const seen = await video.evaluate((v) => ({ at: v.currentTime, width: v.videoWidth, height: v.videoHeight, heard: v.webkitAudioDecodedByteCount }));
  say(`played to ${seen.at.toFixed(1)} s, ${seen.width} by ${seen.height}, ${seen.heard} bytes of sound decoded`);
  await video.evaluate((v) => v.pause());
  await b.looked(page, "deposit");
}

// filmed watches a recording while it is made: its picture changes.
async function filmed(b, page) {
  await page.goto(home + "/");
  const live = page.locator("#arriving a");
  await live.waitFor();
  await live.click();
  const picture = page.locator("img.player");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector("img.player").naturalWidth > 0);
  const look = () => picture.screenshot().then((p) => p.toString("base64"));
  const first = await look();
  let changed = 0;
  for (let i = 0, last = first; i < 50 && changed < 3; i++) {
    await page.waitForTimeout(200);
    const next = await look();
    if (next !== last) changed++;
    last = next;
  }
  assert.ok(changed >= 3, `the picture changed ${changed} times`);
  say("the live picture changed");
  await page.screenshot({ path: given.screens + "/live-1440-light.jpg", type: "jpeg", quality: 62 });
}

run(async (b) => {
  const page = await b.person();
  if (!given.film) return filmed(b, page);
  await played(b, page);
});
