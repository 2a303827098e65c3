// The hosted page as people meet it: in a browser, by the keyboard. Pictures of
// it go into the folder ROWAN_PICTURES, if that is set.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  AssociateSoftwareTokenCommand, AdminCreateUserCommand, CognitoIdentityProviderClient, InitiateAuthCommand, SetUserMFAPreferenceCommand,
  VerifySoftwareTokenCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { chromium } from 'playwright-core';
import { check, mailed, shop, totp } from './check.mjs';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launch({ executablePath: shop.chromium, args: flags });
const other = 'Other-Horse-10';
const at = { endpoint: shop.url, region: shop.region };
const users = new CognitoIdentityProviderClient({ ...at, credentials: { accessKeyId: 'none', secretAccessKey: 'none' } });
const operator = new CognitoIdentityProviderClient({ ...at, credentials: { accessKeyId: shop.operator.id, secretAccessKey: shop.operator.secret } });

// person is a browser of its own, with what it complains of. A refusal by the
// page is one line there.
async function person(options) {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  const complaints = [];
  tab.on('console', (m) => { if (['error', 'warning'].includes(m.type())) complaints.push(m.text()); });
  tab.on('pageerror', (e) => complaints.push(String(e)));
  return { context, tab, complaints };
}
const refusal = 'Failed to load resource: the server responded with a status of 400 (Bad Request)';

const active = (tab) => tab.evaluate(() => {
  const e = document.activeElement;
  return e.labels?.[0]?.textContent ?? e.textContent.trim();
});

// tabTo walks with the Tab key to what has the name.
async function tabTo(tab, name) {
  for (let i = 0; i < 20; i++) {
    if (await active(tab) === name) return;
    await tab.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not reach ${name}`);
}

async function fill(tab, fields) {
  for (const [name, value] of Object.entries(fields)) {
    await tabTo(tab, name);
    await tab.keyboard.press('Control+A');
    await tab.keyboard.type(value);
  }
  await Promise.all([tab.waitForEvent('load'), tab.keyboard.press('Enter')]);
}

async function go(tab, name) {
  await tabTo(tab, name);
  await Promise.all([tab.waitForEvent('load'), tab.keyboard.press('Enter')]);
}

const titled = async (tab, title) => {
  await tab.waitForFunction((want) => document.querySelector('h1')?.textContent === want, title);
};

async function openApp(tab, pool = 'open') {
  await tab.goto(`${shop.app}/?pool=${pool}`);
  await tab.waitForFunction(() => document.body.dataset.ready);
  await tabTo(tab, 'Sign in');
  await Promise.all([tab.waitForURL(`${shop.url}/**`), tab.keyboard.press('Enter')]);
  await titled(tab, 'Sign in');
}

// credentials are what the app has in the end.
async function credentials(tab) {
  await tab.waitForURL(`${shop.app}/**`);
  await tab.waitForFunction(() => document.querySelector('output')?.textContent);
  const got = JSON.parse(await tab.textContent('output'));
  assert.equal(got.error, undefined);
  const c = got.Credentials;
  const sts = new STSClient({ ...at, credentials: { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretKey, sessionToken: c.SessionToken } });
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Arn, shop.role);
  return got;
}

// picture shows the page in light and dark, narrow and wide.
async function picture(tab, name) {
  if (!process.env.ROWAN_PICTURES) return;
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      await tab.emulateMedia({ colorScheme });
      await tab.setViewportSize({ width, height: 800 });
      await tab.screenshot({ path: join(process.env.ROWAN_PICTURES, `${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  await tab.emulateMedia({ colorScheme: 'light' });
}

const fits = (tab) => tab.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

const jane = await person();
await check('signs up by the keyboard', async () => {
  await openApp(jane.tab);
  assert.equal(await active(jane.tab), 'User name or email address', 'the first field has the focus');
  await picture(jane.tab, 'sign-in');
  await go(jane.tab, 'Create an account');
  await titled(jane.tab, 'Create an account');
  await picture(jane.tab, 'sign-up');
  await fill(jane.tab, { 'User name': 'jane', 'Email address': 'jane@shop.example', Password: shop.password });
  await titled(jane.tab, 'Confirm your account');
  await picture(jane.tab, 'confirm');
  await fill(jane.tab, { Code: await mailed('jane@shop.example') });
  await titled(jane.tab, 'Sign in');
  assert.equal(await active(jane.tab), 'Password', 'the name is filled in');
  await picture(jane.tab, 'confirmed');
});
await check('ends with credentials', async () => {
  await fill(jane.tab, { Password: shop.password });
  const got = await credentials(jane.tab);
  assert.deepEqual([got.user.email, got.user.email_verified, got.user.username], ['jane@shop.example', 'true', 'jane']);
  assert.equal(new URL(jane.tab.url()).search, '', 'the code does not stay in the address');
});
await check('browsers complain of nothing', async () => assert.deepEqual(jane.complaints, []));

await check('says what is wrong, with the focus on it', async () => {
  await openApp(jane.tab);
  await fill(jane.tab, { 'User name or email address': 'jane', Password: 'wrong' });
  const alert = jane.tab.getByRole('alert');
  assert.equal(await alert.textContent(), 'Incorrect username or password.');
  assert.ok(await alert.evaluate((e) => e === document.activeElement));
  await picture(jane.tab, 'error');
  await fill(jane.tab, { Password: shop.password });
  await credentials(jane.tab);
  assert.deepEqual(jane.complaints.splice(0), [refusal]);
});

await check('resets a password', async () => {
  await openApp(jane.tab);
  await go(jane.tab, 'Forgot your password?');
  await picture(jane.tab, 'forgot');
  await fill(jane.tab, { 'User name or email address': 'jane@shop.example' });
  await titled(jane.tab, 'Choose a new password');
  await picture(jane.tab, 'reset');
  await fill(jane.tab, { Code: await mailed('jane@shop.example', 2), 'New password': other });
  await titled(jane.tab, 'Sign in');
  await fill(jane.tab, { Password: other });
  await credentials(jane.tab);
});

await check('asks for the code of an authenticator app', async () => {
  const { AuthenticationResult: { AccessToken } } = await users.send(new InitiateAuthCommand({
    AuthFlow: 'USER_PASSWORD_AUTH', ClientId: shop.pools.open.client, AuthParameters: { USERNAME: 'jane', PASSWORD: other },
  }));
  const { SecretCode } = await users.send(new AssociateSoftwareTokenCommand({ AccessToken }));
  await users.send(new VerifySoftwareTokenCommand({ AccessToken, UserCode: totp(SecretCode, -1) }));
  await users.send(new SetUserMFAPreferenceCommand({ AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } }));
  await openApp(jane.tab);
  await fill(jane.tab, { 'User name or email address': 'jane', Password: other });
  await titled(jane.tab, 'Enter your code');
  assert.equal(await active(jane.tab), 'Code');
  await picture(jane.tab, 'code');
  await fill(jane.tab, { Code: totp(SecretCode) });
  assert.deepEqual((await credentials(jane.tab)).amr, ['pwd', 'otp', 'mfa']);
});

await check('sets up a second factor where it is a must', async () => {
  await operator.send(new AdminCreateUserCommand({
    UserPoolId: shop.pools.strict.id, Username: 'joe', TemporaryPassword: shop.password, MessageAction: 'SUPPRESS',
  }));
  const joe = await person();
  await openApp(joe.tab, 'strict');
  assert.equal(await joe.tab.getByText('Create an account').count(), 0);
  await fill(joe.tab, { 'User name': 'joe', Password: shop.password });
  await titled(joe.tab, 'Choose a new password');
  await picture(joe.tab, 'new-password');
  await fill(joe.tab, { 'New password': other });
  await titled(joe.tab, 'Protect your account');
  await picture(joe.tab, 'setup');
  await joe.tab.setViewportSize({ width: 320, height: 800 });
  assert.ok(await fits(joe.tab), 'nothing is cut off at 320 px');
  const secret = (await joe.tab.textContent('code')).replaceAll(/\s/g, '');
  await fill(joe.tab, { Code: totp(secret) });
  await credentials(joe.tab);
  assert.deepEqual(joe.complaints, []);
  await joe.context.close();
});

await check('goes nowhere for an app that is not known', async () => {
  const eve = await person();
  const response = await eve.tab.goto(`${shop.url}/${shop.pools.open.id}/oauth2/authorize?client_id=${shop.pools.open.client}&redirect_uri=https://evil.example/`);
  assert.equal(response.status(), 400);
  await titled(eve.tab, 'This sign-in link does not work');
  await picture(eve.tab, 'bad-link');
  await eve.context.close();
});

await check('is not for frames, nor for forms of other sites', async () => {
  const eve = await person();
  await openApp(eve.tab);
  const page = eve.tab.url();
  // The app is at localhost, which is another site than 127.0.0.1.
  await eve.tab.goto(shop.app);
  await eve.tab.evaluate((src) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { src, onload: resolve });
    document.body.append(frame);
  }), page);
  assert.ok(eve.complaints.some((c) => c.includes('frame-ancestors')), eve.complaints.join('\n'));
  const [posted] = await Promise.all([
    eve.tab.waitForResponse((r) => r.request().method() === 'POST'),
    eve.tab.evaluate((action) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action });
      document.body.append(form);
      form.submit();
    }, page.replace('/oauth2/authorize', '/login')),
  ]);
  assert.equal(posted.status(), 403);
  await titled(eve.tab, 'This did not work');
  await eve.context.close();
});
await browser.close();
