"use strict";
// The central console as a newcomer, an administrator and two users have it.
const { run, assert, given, say, tabTo, filmed } = require("./lib.js");
const home = given.console.replace(/\/$/, "");

// newcomer finds the titles without a login, in their own language, and nothing
// that is for administrators.
async function newcomer(b) {
  const page = await b.person();
  await page.goto(home + "/");
  assert.equal(await page.locator("h1").innerText(), "Titles");
  assert.match(await page.locator(".empty").innerText(), /no titles yet/);
  assert.equal(await page.locator("#add").count(), 0);
  await b.looked(page, "empty");
  await page.goto(home + "/deliveries");
  assert.match(await page.locator(".empty").innerText(), /no deliveries yet/);
  await page.goto(home + "/receptions");
  assert.match(await page.locator("[role=alert]").innerText(), /not|may/);
  await page.context().close();
  const spanish = await b.person({ locale: "es-CL" });
  await spanish.goto(home + "/");
  assert.equal(await spanish.locator("h1").innerText(), "Títulos");
  await spanish.context().close();
  const plain = await b.person({ javaScriptEnabled: false });
  await plain.goto(home + "/login");
  assert.match(await plain.locator("main").innerText(), /vcadmin console/);
  await plain.context().close();
  say("a newcomer is at home");
}

// administrator enters by the link that is used once, adds the film, takes a
// counter-offer and watches it arrive.
async function administrator(b) {
  const page = await b.person();
  await page.goto(given.link);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.waitForURL(home + "/");
  const again = await b.person();
  await again.goto(given.link);
  await again.getByRole("button", { name: "Enter" }).click();
  assert.match(await again.locator("[role=alert]").innerText(), /log|link/i);
  await again.context().close();

  const add = async (name, location, minutes, about) => {
    const form = page.locator("#add form");
    await form.getByLabel("Name").fill(name);
    await form.getByLabel("Location on the server").fill(location);
    await form.getByLabel(/Duration in minutes/).fill(minutes);
    await form.getByLabel(/Description/).fill(about);
    await form.getByRole("button").click();
  };
  await add("Nowhere", "/nowhere/at/all.webm", "1", "");
  assert.match(await page.locator("[role=alert]").innerText(), /nowhere/);
  assert.equal(await page.locator("#add").getByLabel("Location on the server").inputValue(), "/nowhere/at/all.webm");
  await add("The Night Train", given.film, "0.25", "A white square crosses a field of noise, and hums.");
  assert.match(await page.locator(".note.good").innerText(), /The Night Train/);
  // Loaded again, the page sends no form again.
  await page.reload();
  assert.equal(await page.locator(".note").filter({ visible: true }).count(), 0);
  assert.equal(await page.locator(".card").count(), 1);
  // A film that the server can read is shown by one of its pictures.
  await add("The Reel", given.reel, "", "Counts.");
  await page.waitForFunction(() => { const img = [...document.querySelectorAll(".card")].at(-1).querySelector("img"); return img.complete && img.naturalWidth > 100; });
  const poster = await page.request.get(home + "/titles/2/sight");
  assert.equal(poster.headers()["content-type"], "image/jpeg");
  await b.looked(page, "titles");

  // A time that cannot be kept, and what can, taken by one click.
  await page.getByRole("link", { name: "Request The Night Train" }).click();
  await page.locator(".answer.good").waitFor();
  await page.getByLabel("sala").check();
  await b.looked(page, "request");
  await page.locator("input[name=by]").evaluate((e) => {
    const at = new Date(Date.now() + 6000);
    e.step = 1;
    e.value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
    e.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await page.locator(".answer.bad").waitFor();
  await page.getByRole("button", { name: "Ask for a promise" }).click();
  const offer = page.locator(".offer");
  await offer.waitFor();
  assert.match(await offer.innerText(), /carries no more/);
  await b.looked(page, "offer");
  await offer.getByRole("button").click();
  await page.waitForURL(/\/deliveries\/\d+$/);

  // The bar moves, by itself, to the end.
  const shares = [];
  const bar = page.locator("#story progress");
  while (!(await page.locator("#story .badge.deposited").count())) {
    const at = Number(await bar.getAttribute("value"));
    if (at !== shares.at(-1)) shares.push(at);
    if (shares.length === 3) await b.looked(page, "delivery");
    await page.waitForTimeout(100);
  }
  assert.ok(shares.length >= 4 && shares.every((v, i) => !i || v >= shares[i - 1]), `the bar stood at ${shares}`);
  assert.equal(await bar.getAttribute("value"), "100");
  say("the bar went", shares.join(" "), "100");
  await page.locator(".seal").waitFor();
  assert.equal(await page.locator(".seal.broken").count(), 0);
  say("sha256", await page.locator(".sha256").innerText());
  await b.looked(page, "proof");
  await page.goto(home + "/deliveries");
  await b.looked(page, "deliveries");
  return page;
}

// pairing adds a reception from within a request; the page goes on by itself when
// it is paired.
async function pairing(b, page) {
  await page.goto(home + "/titles/1");
  await page.getByText("A new reception").click();
  const form = page.locator("form[action='/receptions']");
  await form.getByLabel("Name", { exact: true }).fill("patio");
  await form.getByLabel(/Address/).fill("127.0.0.1");
  await form.getByLabel(/Port/).fill(given.patio);
  await form.getByRole("button").click();
  const command = await page.locator("#code").innerText();
  assert.match(command, /^vcvrs pair \S+$/);
  await page.reload();
  assert.equal(await page.locator("#code").innerText(), command);
  await b.looked(page, "pairing");
  say("pair", command.split(" ")[2]);
  await page.waitForURL(/\/titles\/1\?at=patio$/);
  assert.ok(await page.getByLabel("patio").isChecked());
  say("paired");
  await page.goto(home + "/receptions");
  await page.getByRole("button", { name: "Check now sala" }).click();
  await page.locator(".checks li").first().waitFor();
  assert.ok((await page.locator(".checks li").count()) >= 5);
  await b.looked(page, "receptions");
  await page.goto(home + "/schedule");
  await b.looked(page, "schedule");
}

// asked asks for a title as early as can be, and gives its delivery's page.
async function asked(page) {
  if (!(await page.getByLabel("sala").isChecked())) await page.getByLabel("sala").check();
  await page.getByLabel("as early as can be promised").check();
  await page.getByRole("button", { name: "Ask for a promise" }).click();
  await page.waitForURL(/\/deliveries\/\d+$/);
}

// arrived waits for a delivery's proof, as far as the page shows it by itself.
async function arrived(page) {
  await page.locator("#story .badge.deposited").waitFor();
  await page.locator(".seal").waitFor();
  assert.equal(await page.locator(".seal.broken").count(), 0);
}

// filming chooses a device, sees what it gives before anybody asked for it, asks
// for it, and ends it before its time.
async function filming(b, page) {
  await page.goto(home + "/");
  await page.getByRole("link", { name: "Film a device" }).click();
  assert.ok(await page.getByRole("radio", { name: /made picture/ }).isChecked());
  await page.getByRole("radio", { name: /made tone/ }).check();
  await b.looked(page, "film");
  for (const [label, value] of [[/^Size/, "320x180"], [/^Pictures a second/, "5"], [/^Samples a second/, "8000"], [/^Channels/, "1"], [/^Name/, "The Yard"], [/^Minutes/, "10"]]) {
    await page.getByLabel(label).fill(value);
  }
  await page.getByRole("button", { name: "Add and request it" }).click();
  await page.waitForURL(/\/titles\/\d+$/);
  assert.match(await page.locator("#sight").innerText(), /not being captured/);
  // It is captured for a moment; on a slow machine it is asked for again.
  const look = page.getByRole("button", { name: "See what it gives now" }), seen = new Set();
  for (let i = 0; i < 600 && seen.size < 3; i++) {
    if (await look.isVisible()) await look.click();
    const at = await page.evaluate(() => { const img = document.querySelector("#sight img"); return img?.naturalWidth > 0 && img.currentSrc; });
    if (at) seen.add(at);
    await page.waitForTimeout(200);
  }
  assert.equal(seen.size, 3, "pictures of what the device gives");
  say("what the device gives is seen");
  await b.looked(page, "sight");
  await asked(page);
  await page.locator("summary", { hasText: "End now" }).waitFor();
  await page.waitForFunction(() => Number(document.querySelector("#story progress").value) > 2000);
  assert.match(await page.locator("#story .figures").innerText(), /of 10:00[^]*goes on for[^]*recorded[^]*arrives later by/);
  await page.waitForFunction(() => document.querySelector("#story img").naturalWidth > 0);
  await b.looked(page, "filmed");
  await page.locator("summary", { hasText: "End now" }).click();
  await page.getByRole("button", { name: "End the capture" }).click();
  assert.match(await page.locator(".note.good").innerText(), /what there is of it is deposited/);
  await arrived(page);
  say("a live delivery was ended, and is proved");
}

// replacing gives a title a new version, which is promised to who has the old one.
async function replacing(b, page) {
  await page.goto(home + "/titles/2");
  await asked(page);
  await arrived(page);
  await page.goto(home + "/");
  const card = page.locator(".card", { hasText: "The Reel" });
  await card.locator("summary", { hasText: "New version" }).click();
  await card.getByLabel("Location on the server").fill(given.other);
  await card.getByRole("button", { name: "Deliver this from now on" }).click();
  await page.locator(".note.good").waitFor();
  assert.ok(await page.getByRole("checkbox", { name: /^sala/ }).isChecked());
  await b.looked(page, "older");
  await page.getByLabel("as early as can be promised").check();
  await page.getByRole("button", { name: "Promise them" }).click();
  await page.waitForURL(home + "/deliveries");
  await page.getByRole("link", { name: "The Reel" }).first().click();
  await arrived(page);
  await page.goto(home + "/titles/2/older");
  assert.match(await page.locator("main").innerText(), /Nobody has or awaits/);
  say("the new version is where the old one was");
}

// plain is somebody whose browser has no scripts: from the login to a promise.
async function plain(b, login) {
  const page = await b.person({ javaScriptEnabled: false });
  await page.goto(home + "/login");
  await page.getByLabel("Login link or token").fill(login);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByRole("link", { name: "Request The Night Train" }).click();
  assert.match(await page.locator(".answer").first().innerText(), /can be kept/);
  await asked(page);
  assert.equal(await page.locator("#story progress").count(), 1);
  assert.ok((await page.locator(".events li").count()) >= 1);
  await page.getByRole("link", { name: "Schedule" }).click();
  assert.ok((await page.locator("svg.plan").count()) >= 1);
  await page.getByRole("link", { name: "Deliveries", exact: true }).click();
  assert.equal(await page.locator(".row").count(), 2);
  await page.context().close();
  say("without scripts too");
}

// away: the server is restarted while a page is open, which says so and goes on by
// itself.
async function away(b, page) {
  await page.goto(home + "/deliveries");
  await page.waitForLoadState();
  const note = page.locator(".note.lost");
  assert.ok(await note.isHidden());
  b.away = true;
  say("stop");
  await note.waitFor({ state: "visible" });
  assert.match(await note.innerText(), /does not answer/);
  await b.looked(page, "lost");
  say("start");
  await note.waitFor({ state: "hidden" });
  b.away = false;
  await page.getByRole("link", { name: "The Yard" }).first().click();
  await page.locator(".seal").waitFor();
  say("the server was away, and the page went on");
}

// account makes one and gives its login.
async function account(page, name, admin) {
  await page.goto(home + "/accounts");
  await page.getByLabel(/^Name/).fill(name);
  await page.getByLabel("Mail").fill(name + "@example.org");
  if (admin) await page.getByLabel("administrator").check();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  return page.locator("#link").innerText();
}

// enter logs in with what somebody was given.
async function enter(b, login) {
  const page = await b.person();
  await page.goto(home + "/deliveries");
  assert.match(page.url(), /\/login\?to=/);
  await page.getByLabel("Login link or token").fill(login);
  await page.keyboard.press("Enter");
  await page.waitForURL(home + "/deliveries");
  return page;
}

// people: two users do not see each other's deliveries, and one whose account is
// removed is out.
async function people(b, page) {
  const ana = await account(page, "ana"), luis = await account(page, "luis");
  await b.looked(page, "accounts");
  await page.reload();
  assert.equal(await page.locator("#link").count(), 0);
  const hers = await enter(b, ana), his = await enter(b, luis.split("/").at(-1));
  await b.looked(his, "none-of-mine");

  // By the keys alone, from the titles to a promise.
  await hers.goto(home + "/");
  await tabTo(hers, "a.skip");
  await hers.keyboard.press("Enter");
  await tabTo(hers, ".card .button");
  await hers.keyboard.press("Enter");
  await hers.waitForURL(/\/titles\/1$/);
  await tabTo(hers, "input[value=sala]");
  await hers.keyboard.press("Space");
  await tabTo(hers, "input[name=earliest]");
  await hers.keyboard.press("Space");
  await tabTo(hers, "button.main");
  await hers.keyboard.press("Enter");
  await hers.waitForURL(/\/deliveries\/\d+$/);
  const mine = hers.url();
  say("by the keys alone", mine.split("/").at(-1));

  const answer = await his.goto(mine);
  assert.equal(answer.status(), 403);
  await his.goto(home + "/deliveries");
  assert.equal(await his.locator(".row").count(), 0);
  await his.goto(home + "/schedule");
  assert.doesNotMatch(await his.locator("main").innerText(), /Night Train/);
  await hers.goto(home + "/deliveries");
  assert.equal(await hers.locator(".row").count(), 1);
  await page.goto(mine);
  assert.match(await page.locator("h1").innerText(), /Night Train/);

  await plain(b, ana);
  await page.goto(home + "/accounts");
  await page.locator("summary", { hasText: "Remove luis" }).click();
  await page.locator("form[action='/accounts/luis/remove'] button").click();
  await page.locator(".note.good").waitFor();
  await his.goto(home + "/deliveries");
  assert.match(his.url(), /\/login/);
  await b.looked(his, "login");
  await hers.locator(".who button").click();
  await hers.waitForURL(/\/login/);
  await hers.context().close();
  await his.context().close();
  say("everybody sees their own");
}

// speed says how soon the first page is there, made, sent, parsed and styled: at
// most 100 ms is what is aimed at, and no bound here, where others have the machine too.
// How soon that can be is asked of the best of several: the machine may be busy.
async function speed(b, page) {
  const took = [];
  for (let i = 0; i < 10 || Math.min(...took) >= 100 && i < 60; i++) {
    await page.goto(home + "/");
    took.push(await page.evaluate(() => performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd));
  }
  took.sort((x, y) => x - y);
  say("first page", took[0].toFixed(0), "ms at best,", took[took.length >> 1].toFixed(0), "ms in the middle of", took.length);
}

run(async (b) => {
  if (given.make) {
    say("film of", await filmed(b, given.film, 8));
    return;
  }
  await newcomer(b);
  const page = await administrator(b);
  await pairing(b, page);
  await filming(b, page);
  await replacing(b, page);
  await people(b, page);
  await speed(b, page);
  await away(b, page);
});
