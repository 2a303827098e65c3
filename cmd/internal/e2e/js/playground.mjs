// The playground as people meet it: in a browser, by the keyboard. Pictures of it
// go into the folder ROWAN_PICTURES, if that is set.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { check, shop } from './check.mjs';
import { contrast, flags, reader, wide } from './page.mjs';

const browser = await chromium.launch({ executablePath: shop.chromium, args: flags });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const complaints = [], asked = new Set();

async function open(url) {
  const tab = await context.newPage();
  tab.setDefaultTimeout(20_000);
  tab.on('console', (m) => { if (['error', 'warning'].includes(m.type())) complaints.push(m.text()); });
  tab.on('pageerror', (e) => complaints.push(String(e)));
  tab.on('request', (r) => asked.add(new URL(r.url()).origin));
  await tab.goto(url);
  return tab;
}

// outcome waits for an answer to what is on the page, proved for the proofs too.
const outcome = (tab, text) => tab.waitForFunction((t) => document.querySelector('#decision').getAttribute('aria-busy') === 'false' && document.querySelector('#outcome').textContent === t, text);
const proved = (tab) => tab.waitForFunction(() => document.querySelector('#isolation').getAttribute('aria-busy') === 'false');
const value = (tab, id) => tab.evaluate((i) => document.getElementById(i).value, id);

const tab = await open(shop.server);
const { active, walk, outlined } = reader(tab);

const examples = await (await fetch(shop.server + 'examples.json')).json();
const empty = Object.fromEntries(['policy', 'boundary', 'serviceControl', 'other', 'principal', 'session', 'action', 'resource', 'context', 'partitionKey', 'rows', 'owner'].map((id) => [id, '']));

// held waits for fields to hold something, which has been asked then.
const held = (tab, fields) => tab.waitForFunction((f) => Object.entries(f).every(([id, v]) => document.getElementById(id).value === v), fields);

async function example(name, result) {
  await tab.selectOption('#examples', { label: name });
  await tab.click('#load');
  await held(tab, { ...empty, ...examples.find((x) => x.name === name).state });
  await outcome(tab, result);
}

async function picture(name, whole = true) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 800, 1280]) {
      await tab.emulateMedia({ colorScheme });
      await tab.setViewportSize({ width, height: 900 });
      if (process.env.ROWAN_PICTURES) {
        await tab.evaluate(() => scrollTo(0, 0));
        await tab.screenshot({ path: join(process.env.ROWAN_PICTURES, `${name}-${colorScheme}-${width}.png`), fullPage: whole });
      }
      assert.deepEqual(await wide(tab), [], `${width} pixels are enough`);
    }
    const least = await contrast(tab);
    assert.ok(least.ratio >= 4.5, `${colorScheme}: ${JSON.stringify(least)}`);
  }
  await tab.emulateMedia({ colorScheme: 'light' });
}

await check('decides the demo, with the rows that are kept', async () => {
  await outcome(tab, 'allowed');
  assert.equal(await tab.textContent('#reason'), 'the policy allows it');
  const kept = await tab.textContent('#kept');
  for (const part of ['1 of 3 rows', 'dynamodb:LeadingKeys', 'us-east-1:aaaa', 'As SQL', '"UserId"']) assert.ok(kept.includes(part), `${part}: ${kept}`);
  await proved(tab);
  assert.equal(await tab.locator('#isolation .proved').count(), 6);
  await picture('allowed');
});

await check('follows what is typed, by the keyboard alone', async () => {
  await tab.focus('body');
  await tab.keyboard.press('Tab');
  assert.equal(await active(), 'Skip to the answers');
  await walk('Action');
  assert.ok(await outlined(), 'the focus is seen');
  await tab.keyboard.press('Control+A');
  await tab.keyboard.type('dynamodb:DeleteItem');
  await outcome(tab, 'denied');
  assert.equal(await tab.textContent('#reason'), 'the permissions boundary does not allow it');
  await tab.keyboard.press('Control+A');
  await tab.keyboard.type('dynamodb:Scan');
  await outcome(tab, 'explicitly denied');
  await walk('Policy', 'Shift+Tab');
  if (await tab.evaluate(() => document.activeElement.id) === 'policy') await walk('Policy', 'Shift+Tab');
  await tab.evaluate(() => document.querySelector('#tab-policy').focus());
  await tab.keyboard.press('ArrowRight');
  await tab.keyboard.press('ArrowRight');
  assert.equal(await active(), 'SCP');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.activeElement.id), 'serviceControl');
  await tab.keyboard.press('Control+A');
  await tab.keyboard.press('Delete');
  await outcome(tab, 'denied');
  assert.ok(await tab.locator('#serviceControl-faults li').count() === 0);
});

await check('explains with both sides of a condition, and leads to its line', async () => {
  await example('Another’s row', 'denied');
  const near = tab.locator('#decision details[open] details[open]');
  const text = await near.textContent();
  for (const part of ['OwnRows', 'came nearest', 'ForAllValues:StringEquals dynamodb:LeadingKeys', 'us-east-1:bbbb', '${cognito-identity.amazonaws.com:sub}']) assert.ok(text.includes(part), `${part}: ${text}`);
  await near.getByRole('button', { name: 'Line 4 of the policy' }).focus();
  await tab.keyboard.press('Enter');
  assert.deepEqual(await tab.evaluate(() => [document.activeElement.id, document.activeElement.value.slice(0, document.activeElement.selectionStart).split('\n').length]), ['policy', 4]);
  await proved(tab);
  await picture('denied');
});

await check('says what is wrong, with line and column, and marks it', async () => {
  await example('Broken: it does not parse', 'cannot be decided');
  const faults = await tab.textContent('#policy-faults');
  assert.ok(faults.includes('StringEqualz') && faults.includes('10:9'), faults);
  assert.equal(await tab.getAttribute('#policy', 'aria-invalid'), 'true');
  assert.ok(await tab.locator('#panel-policy .marks .fault').count() > 0);
  await tab.locator('#policy-faults').getByRole('button', { name: 'Go to line 10' }).focus();
  await tab.keyboard.press('Enter');
  assert.equal(await active(), 'Policy: an identity policy, IAM JSON');
  await picture('broken');
});

await check('text of strangers stays text', async () => {
  const hostile = '<img src=x onerror=owned=1>';
  await example('Own rows (the demo)', 'allowed');
  await tab.fill('#rows', JSON.stringify({ UserId: hostile }));
  await tab.waitForFunction((h) => document.querySelector('#kept').textContent.includes(h), hostile);
  await tab.fill('#policy', (await value(tab, 'policy')).replace('"OwnRows"', JSON.stringify(hostile)));
  await tab.waitForFunction((h) => document.querySelector('#policy-faults').textContent.includes(h), hostile);
  assert.equal(await tab.evaluate(() => globalThis.owned), undefined);
  assert.equal(await tab.locator('main img').count(), 0);
  const tried = await tab.evaluate(() => [
    () => { document.body.innerHTML = '<p>'; }, () => { document.createElement('script').src = 'data:,'; },
  ].map((f) => {
    try { f(); return 'ran'; } catch (e) { return e.name; }
  }));
  assert.deepEqual(tried, ['TypeError', 'TypeError']);
  complaints.splice(0);
});

let hole;
await check('refutes a hole with a request, which it loads', async () => {
  await example('A hole: a prefix of keys', 'allowed');
  await proved(tab);
  assert.equal(await tab.locator('#isolation .refuted').count(), 2);
  await picture('hole');
  hole = await tab.evaluate(() => location.href);
  const before = await value(tab, 'context');
  await tab.getByRole('button', { name: 'Load the request: isolation' }).focus();
  await tab.keyboard.press('Enter');
  await tab.waitForFunction((b) => document.querySelector('#context').value !== b, before);
  await outcome(tab, 'allowed');
  const [session, context] = [JSON.parse(await value(tab, 'session')), JSON.parse(await value(tab, 'context'))];
  const key = [context['dynamodb:LeadingKeys']].flat(), own = session['cognito-identity.amazonaws.com:sub'];
  assert.ok(key.some((k) => k !== own && k.startsWith(own)), `${key} is not ${own}’s`);
  await tab.goBack();
  await tab.waitForFunction((b) => document.querySelector('#context').value === b, before);
});

await check('compares, and loads what would change', async () => {
  await example('Compare two policies', 'allowed');
  await proved(tab);
  assert.equal(await tab.textContent('#comparison p'), 'incomparable: Each allows what the other does not.');
  await picture('compared');
  await tab.locator('#comparison').getByRole('button', { name: 'Load the request: It would allow dynamodb:Scan' }).click();
  await outcome(tab, 'denied');
  assert.ok((await tab.textContent('#decision')).includes('With the second policy: allowed.'));
});

await check('asks about a row', async () => {
  await example('Own rows (the demo)', 'allowed');
  await tab.getByRole('button', { name: 'Ask about the row of line 2' }).focus();
  await tab.keyboard.press('Enter');
  await outcome(tab, 'denied');
  assert.deepEqual(JSON.parse(await value(tab, 'context')), { 'dynamodb:LeadingKeys': 'us-east-1:bbbb' });
});

await check('applies a fix of the linter', async () => {
  await example('A hole: no guard for a missing key', 'allowed');
  await tab.locator('#policy-faults').getByRole('button', { name: /^Fix: / }).first().click();
  await outcome(tab, 'denied');
});

await check('copies the link', async () => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.click('#copy');
  await tab.waitForFunction(() => document.querySelector('#notice').textContent.startsWith('Copied: '));
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), await tab.evaluate(() => location.href));
});

await check('a link restores what the page held, and no server sees it', async () => {
  const seen = [];
  const other = await context.newPage();
  other.on('request', (r) => seen.push(r.url()));
  await other.goto(hole);
  await outcome(other, 'allowed');
  assert.ok((await value(other, 'policy')).includes(':sub}*'));
  assert.ok(hole.includes('#v1.') && seen.every((u) => !u.includes('v1.')), seen.join());
  for (const bad of ['#v1.AAAA', '#v1.' + 'A'.repeat(60_000), '#v1.q1ZKVLJSqlYqAWIA']) {
    await other.goto('about:blank');
    await other.goto(shop.server + bad);
    await other.waitForFunction(() => document.querySelector('#notice').textContent.startsWith('The link cannot be read: '));
    await outcome(other, 'allowed');
  }
  await other.close();
});

await check('as static files it gives the same answers', async () => {
  const still = await open(shop.static);
  await outcome(still, 'allowed');
  await proved(still);
  // Questions with a time of their own, one after another, of both.
  const questions = examples.flatMap((x) => ['decision', 'proof'].map((ask) => ({
    ask, ...empty, ...x.state,
    context: JSON.stringify({ ...JSON.parse(x.state.context || '{}'), 'aws:CurrentTime': '2026-11-23T05:00:00Z', 'aws:EpochTime': '1795410000' }),
  })));
  const answers = async (t) => t.evaluate(async (all) => {
    const out = [];
    for (const q of all) out.push(JSON.stringify(await globalThis.rowan.ask(q)));
    return out;
  }, questions);
  const [a, b] = [await answers(tab), await answers(still)];
  assert.equal(a.length, 16);
  assert.ok(a.every((x) => x.length > 50), a.join('\n'));
  assert.deepEqual(b, a);
  await still.fill('#action', 'dynamodb:Scan');
  await outcome(still, 'explicitly denied');
  assert.deepEqual(await still.evaluate(() => performance.getEntriesByType('resource').map((r) => r.name.split('/').pop()).filter((n) => n === 'answer')), []);
  await still.close();
});

await check('complains of nothing', async () => assert.deepEqual(complaints, []));
await check('asks nobody else', async () => assert.deepEqual([...asked].sort(), [shop.server, shop.static].map((u) => new URL(u).origin).sort()));

await check('says when there is no answer', async () => {
  await tab.route('**/answer', (r) => r.abort());
  await tab.fill('#action', 'dynamodb:PutItem');
  await outcome(tab, 'no answer');
});
await browser.close();
