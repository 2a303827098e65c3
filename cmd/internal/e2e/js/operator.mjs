// The operator's page as people meet it: in a browser, by the keyboard. Pictures
// of it go into the folder ROWAN_PICTURES, if that is set.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { check, shop } from './check.mjs';
import * as page from './page.mjs';

const browser = await chromium.launch({ executablePath: shop.chromium, args: page.flags });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const tab = await context.newPage();
const complaints = [], asked = new Set();
tab.on('console', (m) => { if (['error', 'warning'].includes(m.type())) complaints.push(m.text()); });
tab.on('pageerror', (e) => complaints.push(String(e)));
tab.on('request', (r) => asked.add(new URL(r.url()).origin));

const { active, walk, outlined } = page.reader(tab);

async function fill(fields) {
  for (const [name, value] of Object.entries(fields)) {
    await walk(name);
    await tab.keyboard.press('Control+A');
    await tab.keyboard.press('Delete');
    await tab.keyboard.type(value);
  }
}

const wide = () => page.wide(tab);
const rows = () => tab.locator('#rows tr');

// picture shows the page in light and dark, narrow and wide.
async function picture(name) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      await tab.emulateMedia({ colorScheme });
      await tab.setViewportSize({ width, height: 900 });
      if (process.env.ROWAN_PICTURES) await tab.screenshot({ path: join(process.env.ROWAN_PICTURES, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      assert.deepEqual(await wide(), [], `${width} pixels are enough`);
    }
  }
  await tab.emulateMedia({ colorScheme: 'light' });
}

const contrast = () => page.contrast(tab);

await check('says how the server is', async () => {
  await tab.goto(shop.admin);
  await tab.waitForFunction(() => document.querySelector('#statustext').textContent === 'ready');
  const text = await tab.textContent('#state');
  for (const part of ['built in', shop.digest.slice(0, 16), 'Loaded1 time', '3 roles', 'line ']) assert.ok(text.includes(part), `${part}: ${text}`);
});

await check('shows decisions as they are made, masked', async () => {
  await rows().first().waitFor();
  const text = await tab.textContent('#rows');
  assert.ok(text.includes('allowed') && text.includes('implicitDeny') && text.includes('dynamodb:GetItem'), text);
  assert.ok(!(await tab.content()).includes('us-east-1:bbbb'), 'a masked key is shown');
});

await check('text of strangers stays text', async () => {
  assert.ok((await tab.textContent('#rows')).includes(shop.hostile), await tab.textContent('#rows'));
  assert.equal(await tab.evaluate(() => globalThis.owned), undefined);
  assert.equal(await tab.locator('#rows img, #rows script').count(), 0);
});

await check('answers a question with a tree, by the keyboard', async () => {
  await tab.keyboard.press('Tab');
  assert.equal(await active(), 'Skip to decisions');
  await fill({
    'Role, or ARN of a user': 'Player', 'Identity id': 'us-east-1:aaaa', Action: 'dynamodb:GetItem',
    Resource: shop.table, 'Context keys': 'dynamodb:LeadingKeys = us-east-1:cccc',
  });
  assert.ok(await outlined(), 'the focus is seen');
  await walk('Explain');
  await tab.keyboard.press('Enter');
  await tab.locator('#answer .tree').waitFor();
  assert.equal(await tab.evaluate(() => document.activeElement.id), 'answer', 'the focus is on the answer');
  assert.equal(await tab.textContent('#answer h3'), 'denied: nothing allows it (identity)');
  const near = tab.locator('#answer details[open] details[open]');
  const text = await near.textContent();
  for (const part of ['OwnRows', 'came nearest', 'the request has ["us-east-1:cccc"], the policy wants ["us-east-1:aaaa"]']) assert.ok(text.includes(part), text);
});

await check('branches open and close by the keyboard', async () => {
  const branch = tab.locator('#answer .tree > li > details').first();
  assert.equal(await branch.evaluate((e) => e.open), false);
  await walk('serviceControl');
  await tab.keyboard.press('Enter');
  assert.equal(await branch.evaluate((e) => e.open), true);
  assert.ok((await branch.textContent()).includes('NoScans'));
  await tab.keyboard.press('Space');
  assert.equal(await branch.evaluate((e) => e.open), false);
  await tab.keyboard.press('Space');
  await picture('asked');
});

await check('says what is wrong with a question', async () => {
  await tab.evaluate(() => document.querySelector('#ask [name=principal]').focus());
  await fill({ 'Context keys': 'nonsense' });
  await walk('Explain');
  await tab.keyboard.press('Enter');
  const alert = tab.getByRole('alert').filter({ hasText: 'want KEY = VALUE' });
  await alert.waitFor();
  await tab.evaluate(() => document.querySelector('#ask [name=principal]').focus());
  await fill({ 'Role, or ARN of a user': 'Nobody', 'Context keys': '' });
  await walk('Explain');
  await tab.keyboard.press('Enter');
  await tab.getByRole('alert').filter({ hasText: 'Nobody' }).waitFor();
  await picture('wrong');
  assert.deepEqual(complaints.splice(0), ['Failed to load resource: the server responded with a status of 400 (Bad Request)']);
});

await check('filters, pauses and explains decisions, by the keyboard', async () => {
  await walk('Only with');
  await tab.keyboard.type('PutItem');
  assert.equal(await rows().count(), 0);
  assert.equal(await tab.textContent('#none'), 'Nothing like that was decided lately.');
  await tab.keyboard.press('Control+A');
  await tab.keyboard.type('implicitDeny');
  await walk('denials only');
  await tab.keyboard.press('Space');
  await walk('Pause');
  await tab.keyboard.press('Enter');
  assert.equal(await active(), 'Go on');
  await tab.waitForTimeout(1500); // what was asked for before may still come
  const before = await rows().count();
  assert.ok(before > 0);
  await walk('Why was dynamodb:GetItem implicitDeny?');
  await tab.keyboard.press('Enter');
  await tab.locator('#answer h3').filter({ hasText: 'Decision ' }).waitFor();
  assert.equal(await rows().count(), before);
  await picture('why');
});

await check('is legible, light and dark', async () => {
  for (const colorScheme of ['light', 'dark']) {
    await tab.emulateMedia({ colorScheme });
    const least = await contrast();
    assert.ok(least.ratio >= 4.5, `${colorScheme}: ${JSON.stringify(least)}`);
  }
});

await check('runs no script but its own', async () => {
  const tried = await tab.evaluate(() => [
    () => { document.body.innerHTML = '<p>'; }, () => { document.createElement('script').src = 'data:,'; },
  ].map((f) => {
    try { f(); return 'ran'; } catch (e) { return e.name; }
  }));
  assert.deepEqual(tried, ['TypeError', 'TypeError']);
  complaints.splice(0);
});

await check('asks nobody else', async () => assert.deepEqual([...asked], [shop.admin]));
await check('says when the server is gone, or not ready', async () => {
  await tab.route('**/api/state', async (r) => {
    const answer = await r.fetch();
    await r.fulfill({ json: { ...await answer.json(), unready: 'the store does not answer' } });
  });
  await tab.reload();
  await tab.waitForFunction(() => document.querySelector('#statustext').textContent === 'not ready: the store does not answer');
  await tab.route('**/api/**', (r) => r.abort());
  await tab.waitForFunction(() => document.querySelector('#statustext').textContent === 'no answer');
});
await browser.close();
