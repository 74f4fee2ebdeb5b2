"use strict";
// How much of a processor the page of 60 deliveries takes that change each second.
const { chromium } = require("playwright-core");
(async () => {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(process.argv[2]);
  const rows = await page.locator(".row").count();
  const meter = await page.context().newCDPSession(page);
  await meter.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => (await meter.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
  const first = await page.locator("progress").first().getAttribute("value");
  await page.waitForTimeout(2000);
  const from = await spent(), at = Date.now();
  await page.waitForTimeout(10_000);
  const share = (await spent() - from) / ((Date.now() - at) / 1000) * 100;
  const moved = first !== await page.locator("progress").first().getAttribute("value");
  console.log(JSON.stringify({ rows, share, moved }));
  await browser.close();
})().catch((e) => { console.error(e); process.exit(1); });
