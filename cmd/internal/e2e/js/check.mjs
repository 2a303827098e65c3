// What the scripts share. A script prints a line of JSON for each thing that it
// checks; the Go test that runs it makes subtests of them.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const shop = JSON.parse(process.env.ROWAN_E2E);

// check runs one check, and passes on what it came to.
export async function check(name, run) {
  try {
    const got = await run();
    console.log(JSON.stringify({ check: name }));
    return got;
  } catch (e) {
    console.log(JSON.stringify({ check: name, error: e?.stack ?? String(e) }));
    return undefined;
  }
}

// refuses checks that something fails with an exception of the model.
export function refuses(what, name, run, message = '') {
  return check(`refuses ${what}`, async () => {
    const e = await run().then(() => assert.fail('it was allowed'), (e) => e);
    assert.equal(e.name, name, e.stack);
    assert.ok(e.message.includes(message), e.message);
    return e;
  });
}

// mailed is the code of the nth message that an address gets.
export async function mailed(to, nth = 1) {
  for (let i = 0; i < 500; i++) {
    const lines = readFileSync(shop.mail, 'utf8').split('\n').slice(0, -1).filter((line) => line.startsWith(`mail to ${to} (`));
    if (lines.length >= nth) return lines[nth - 1].slice(lines[nth - 1].indexOf('): ') + 3);
    await sleep(20);
  }
  throw new Error(`no ${nth} messages to ${to}`);
}

// totp is the code of an authenticator app, some steps of 30 s from now. Source:
// RFC 6238.
export function totp(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// claims are those of a token, which is not verified.
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

// altered is a token with another signature, or another secret key.
export const altered = (token) => token.slice(0, -8) + (token.at(-8) === 'A' ? 'B' : 'A') + token.slice(-7);
