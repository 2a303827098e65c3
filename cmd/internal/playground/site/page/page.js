// The playground's page. What people type is only ever set as text.
'use strict';

const at = (id) => document.getElementById(id);
const policies = ['policy', 'boundary', 'serviceControl', 'other'];
const editors = [...policies, 'context', 'session', 'rows'];
const fields = [...editors, 'principal', 'action', 'resource', 'partitionKey', 'keyType', 'owner'];
const names = { policy: 'policy', boundary: 'permissions boundary', serviceControl: 'service control policy', other: 'second policy' };

// Bounds of a link: of its text, and of what that unpacks to.
const maxLink = 48 << 10, maxState = 400 << 10;

function el(name, props, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(props || {})) {
    if (k === 'class') e.className = v; else if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== ''));
  return e;
}

const plural = (n, one, many) => n + ' ' + (n === 1 ? one : many);

function tell(text) {
  at('notice').textContent = text;
  at('notice').hidden = !text;
}

// ---- Editors: a text with the numbers of its lines, and marks on some.

const lineHeight = 20;

class Editor {
  constructor(area) {
    this.area = area;
    this.numbers = el('pre', {});
    this.marks = el('div', { class: 'marks' });
    this.gutter = el('div', { class: 'gutter', 'aria-hidden': 'true' }, this.marks, this.numbers);
    this.list = el('ul', { class: 'faults', id: area.id + '-faults' });
    area.before(this.gutter);
    area.parentElement.after(this.list);
    for (const [k, v] of Object.entries({ spellcheck: 'false', wrap: 'off', autocomplete: 'off', autocapitalize: 'off', 'aria-describedby': this.list.id })) area.setAttribute(k, v);
    area.addEventListener('scroll', () => this.scrolled());
    area.addEventListener('input', () => this.count());
  }

  scrolled() {
    for (const e of [this.numbers, this.marks]) e.style.transform = `translateY(${-this.area.scrollTop}px)`;
  }

  count() {
    const n = this.area.value.split('\n').length;
    if (n === this.lines) return;
    this.lines = n;
    this.numbers.textContent = Array.from({ length: n }, (_, i) => i + 1).join('\n');
  }

  // mark marks lines, {line, kind, text}, of which the last of a line is seen.
  mark(all) {
    this.marks.replaceChildren(...all.filter((m) => m.line > 0).map((m) => {
      const e = el('i', { class: m.kind, title: m.text });
      e.style.top = `calc(.4rem + ${(m.line - 1) * lineHeight}px)`;
      return e;
    }));
    this.scrolled();
  }

  // go sets the caret; column counts bytes, from 1.
  go(line, column) {
    const lines = this.area.value.split('\n');
    const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    const bytes = new TextEncoder().encode(lines[line - 1] ?? '').slice(0, Math.max(0, column - 1));
    const caret = before + new TextDecoder().decode(bytes).length;
    this.area.focus();
    this.area.setSelectionRange(caret, caret);
    this.area.scrollTop = Math.max(0, (line - 4) * lineHeight);
  }
}

const editor = Object.fromEntries(editors.map((id) => [id, new Editor(at(id))]));
for (const id of ['action', 'resource', 'principal', 'partitionKey', 'owner']) {
  const list = el('ul', { class: 'faults', id: id + '-faults' });
  for (const [k, v] of Object.entries({ spellcheck: 'false', autocomplete: 'off', 'aria-describedby': list.id })) at(id).setAttribute(k, v);
  (at(id).closest('.pair') ?? at(id)).after(list);
}

// show brings a part to sight: a policy may be behind a tab.
function show(part, line, column) {
  if (policies.includes(part)) select(at('tab-' + part));
  if (line && editor[part]) editor[part].go(line, column || 1); else at(part).focus();
}

// ---- Tabs.

const tabs = [...document.querySelectorAll('[role=tab]')];

function select(tab) {
  for (const t of tabs) {
    t.setAttribute('aria-selected', String(t === tab));
    t.tabIndex = t === tab ? 0 : -1;
    at(t.getAttribute('aria-controls')).hidden = t !== tab;
  }
}

for (const t of tabs) {
  t.addEventListener('click', () => select(t));
  t.addEventListener('keydown', (e) => {
    const i = tabs.indexOf(t);
    const to = { ArrowRight: tabs[(i + 1) % tabs.length], ArrowLeft: tabs[(i + tabs.length - 1) % tabs.length], Home: tabs[0], End: tabs.at(-1) }[e.key];
    if (!to) return;
    e.preventDefault();
    select(to);
    to.focus();
  });
}

// ---- What the page holds, and the link that holds it.

const state = () => Object.fromEntries(fields.map((id) => [id, at(id).value]));

function put(s) {
  for (const id of fields) at(id).value = s[id] ?? (id === 'keyType' ? 'S' : '');
  for (const id of editors) editor[id].count();
}

async function through(bytes, stream, limit) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  for (let n = 0; ;) {
    const { done, value } = await reader.read();
    if (done) break;
    n += value.length;
    if (n > limit) {
      await reader.cancel();
      throw new Error('it holds too much');
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function pack(s) {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(s)), new CompressionStream('deflate-raw'), maxLink);
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  const link = '#v1.' + btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  if (link.length > maxLink) throw new Error('it holds too much');
  return link;
}

async function unpack(link) {
  if (link.length > maxLink || !/^#v1\.[A-Za-z0-9_-]+$/.test(link)) throw new Error('it is none of this page');
  const text = atob(link.slice(4).replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = await through(Uint8Array.from(text, (c) => c.charCodeAt(0)), new DecompressionStream('deflate-raw'), maxState);
  const s = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  if (typeof s !== 'object' || s === null || Array.isArray(s)) throw new Error('it holds no question');
  for (const [k, v] of Object.entries(s)) if (!fields.includes(k) || typeof v !== 'string') throw new Error('it holds what this page does not know');
  return s;
}

// link has the address say what the page holds; a new entry of the history, so
// that Back leads to what was there before, if fresh.
async function link(fresh) {
  let to;
  try {
    to = await pack(state());
  } catch {
    to = location.pathname + location.search;
  }
  if (to !== location.hash) history[fresh ? 'pushState' : 'replaceState'](null, '', to);
  return to.startsWith('#');
}

async function restore() {
  try {
    put(await unpack(location.hash));
    tell('');
    changed(0);
    return true;
  } catch (e) {
    tell('The link cannot be read: ' + e.message + '.');
    return false;
  }
}

addEventListener('popstate', () => { if (location.hash.startsWith('#v1.')) restore(); });

at('copy').addEventListener('click', async () => {
  if (!await link(false)) return tell('This is more than a link can hold.');
  try {
    await navigator.clipboard.writeText(location.href);
    tell('Copied: the link holds all that is on this page, and no server sees it.');
  } catch {
    tell('Copy the address of this page: it holds all that is on it.');
  }
});

// ---- Asking.

const answers = ['decision', 'kept', 'isolation', 'comparison'];
let turn = 0, soon, later, running;

// changed asks again, after a moment in which nothing else changes.
function changed(wait) {
  clearTimeout(soon);
  clearTimeout(later);
  running?.abort();
  const mine = ++turn;
  for (const id of answers) at(id).setAttribute('aria-busy', 'true');
  soon = setTimeout(() => decide(mine), wait);
}

async function ask(kind, mine, then) {
  running = new AbortController();
  try {
    const x = await rowan.ask({ ...state(), ask: kind }, running.signal);
    if (mine !== turn) return;
    if (x.error) throw new Error(x.error);
    then(x);
  } catch (e) {
    if (mine !== turn || e.name === 'AbortError') return;
    verdict('warm', 'no answer', e.message);
    for (const id of answers) at(id).setAttribute('aria-busy', 'false');
  }
}

async function decide(mine) {
  await ask('decision', mine, (x) => {
    showFaults(x);
    showDecision(x);
    showRows(x);
    for (const id of ['decision', 'kept']) at(id).setAttribute('aria-busy', 'false');
    later = setTimeout(() => {
      link(false);
      ask('proof', mine, showProofs);
    }, 350);
  });
}

// load replaces what is in some fields, and goes on from there.
async function load(s, focus) {
  await link(false);
  put({ ...state(), ...s });
  await link(true);
  tell('');
  changed(0);
  focus?.focus();
  focus?.scrollIntoView({ block: 'nearest' });
}

document.querySelector('main').addEventListener('input', () => changed(150));

// ---- Answers.

const words = { allowed: 'allowed', explicitDeny: 'explicitly denied', implicitDeny: 'denied' };

function verdict(kind, outcome, reason) {
  at('verdict').className = kind;
  for (const [id, text] of [['outcome', outcome], ['reason', reason]]) if (at(id).textContent !== text) at(id).textContent = text;
}

// place is a button that leads to a line.
const place = (part, line, column) => line ? el('button', { type: 'button', class: 'place', 'aria-label': `Go to line ${line}, column ${column}`, onclick: () => show(part, line, column) }, `${line}:${column}`) : null;

function showFaults(x) {
  for (const id of fields) {
    const list = at(id + '-faults');
    if (!list) continue;
    const faults = x.faults.filter((f) => f.part === id), found = x.findings.filter((f) => f.part === id);
    at(id).setAttribute('aria-invalid', String(faults.length > 0));
    list.replaceChildren(
      ...faults.map((f) => el('li', { class: 'fault' }, place(id, f.line, f.column), ' ', el('b', {}, 'error: '), f.text)),
      ...found.map((f) => el('li', { class: f.severity === 'suggestion' ? 'suggestion' : 'finding' }, place(id, f.line, f.column), ' ', el('b', {}, f.severity + ': '), f.text, ' ',
        f.why ? el('span', { class: 'hint' }, f.why + ' ') : null,
        f.fix ? el('button', { type: 'button', class: 'small', onclick: () => load({ [id]: f.fixed }, at(id)) }, 'Fix: ' + f.fix) : null)),
    );
    if (policies.includes(id)) {
      at('tab-' + id).classList.toggle('wrong', faults.length > 0);
      at('tab-' + id).classList.toggle('used', at(id).value.trim() !== '' && id !== 'policy');
    }
    editor[id]?.mark([
      ...(x.decision?.statements ?? []).filter((s) => s.part === id && (s.decided || s.nearest)).map((s) => ({
        line: s.line, kind: s.nearest ? 'nearest' : s.effect === 'Allow' ? 'allowed' : 'denied', text: s.nearest ? 'came nearest' : 'decided',
      })),
      ...found.filter((f) => f.severity !== 'suggestion').map((f) => ({ line: f.line, kind: 'finding', text: f.text })),
      ...faults.map((f) => ({ line: f.line, kind: 'fault', text: f.text })),
    ]);
  }
}

const marks = { true: ['yes', '✓ ', 'met: '], false: ['no', '✗ ', 'not met: '], unknown: ['maybe', '? ', 'not known: '] };

// mark is a sign for those who see and a word for those who hear.
function mark(result) {
  const [kind, sign, word] = marks[result];
  return [el('span', { class: kind, 'aria-hidden': 'true' }, sign), el('span', { class: 'hidden' }, word)];
}

const listed = (list) => list.length ? list.map((s) => s === '' ? '""' : s).join(', ') : 'nothing';

function test(t) {
  const sides = [];
  const side = (name, text) => sides.push(el('dt', {}, name), el('dd', { class: 'mono' }, text));
  if (t.wants.length || t.state !== 'absent') {
    side('request', t.state === 'absent' ? 'has none' : t.state === 'indeterminate' ? (t.has.length ? listed(t.has) + ', which cannot be read' : 'nobody knows') : listed(t.has));
    side(t.not ? 'policy: not' : 'policy', listed(t.wants));
    if (t.written.length) side('as written', listed(t.written));
    if (t.unresolved.length) side('no value', listed(t.unresolved));
    if (t.error) side('error', t.error);
  }
  return el('li', {}, ...mark(t.result), el('span', { class: 'mono' }, t.name), sides.length && t.result !== 'true' || t.written.length ? el('dl', { class: 'sides' }, ...sides) : null);
}

function statement(s) {
  const how = s.decided ? ' decided' : s.nearest ? ' came nearest' : '';
  const d = el('details', {},
    el('summary', {}, ...mark(s.applied ? 'true' : 'false'), s.effect + ' ' + (s.sid || 'statement ' + s.index), how ? el('strong', {}, how) : null),
    el('ul', {}, el('li', {}, el('button', { type: 'button', class: 'place', onclick: () => show(s.part, s.line, s.column) }, `Line ${s.line} of the ${names[s.part]}`)), ...s.tests.map(test)));
  d.open = s.nearest || s.decided;
  return el('li', {}, d);
}

function showDecision(x) {
  const d = x.decision;
  if (!d) {
    const n = x.faults.length;
    verdict('warm', 'cannot be decided', `${plural(n, 'error', 'errors')}, the first in the ${names[x.faults[0]?.part] ?? x.faults[0]?.part ?? 'question'}`);
    at('decision').replaceChildren(el('p', {}, 'Nothing is decided before these are mended; a server would deny.'),
      el('ul', { class: 'faults' }, ...x.faults.slice(0, 5).map((f) => el('li', { class: 'fault' },
        el('button', { type: 'button', class: 'place', onclick: () => show(f.part, f.line, f.column) }, (names[f.part] ?? f.part) + (f.line ? ` ${f.line}:${f.column}` : '')), ' ', f.text))));
    return;
  }
  verdict(d.outcome === 'allowed' ? 'good' : 'bad', words[d.outcome], d.reason);
  const kinds = new Map();
  for (const s of d.statements) {
    if (!kinds.has(s.kind)) kinds.set(s.kind, []);
    kinds.get(s.kind).push(s);
  }
  const branches = [...kinds].map(([kind, all]) => {
    const b = el('details', {}, el('summary', {}, names[all[0].part] + ': ' + plural(all.length, 'statement', 'statements')), el('ul', {}, ...all.map(statement)));
    b.open = all.some((s) => s.decided || s.nearest);
    return el('li', {}, b);
  });
  at('decision').replaceChildren(
    el('p', {}, el('span', { class: d.outcome }, words[d.outcome]), ': ' + d.reason + '.'),
    x.otherDecision ? el('p', {}, 'With the second policy: ', el('span', { class: x.otherDecision }, words[x.otherDecision]), '.') : '',
    d.missing.length ? el('p', {}, 'Not in the request: ', el('span', { class: 'mono' }, d.missing.join(', '))) : '',
    el('ul', { class: 'tree' }, ...branches),
    d.more ? el('p', { class: 'hint' }, `and ${d.more} more statements`) : '',
  );
}

function withKey(key) {
  let context = {};
  try {
    context = JSON.parse(at('context').value || '{}');
  } catch { /* it is replaced */ }
  for (const name of Object.keys(context)) if (name.toLowerCase() === 'dynamodb:leadingkeys') delete context[name];
  return JSON.stringify({ 'dynamodb:LeadingKeys': key, ...context }, null, 2);
}

// maxColumns is how many attributes make columns; rows of more are shown as JSON.
const maxColumns = 4;

function table(rows) {
  let columns = [], cells;
  try {
    cells = rows.map((r) => JSON.parse(r.text));
    columns = [...new Set([at('partitionKey').value, ...cells.flatMap((c) => Object.keys(c))])].filter((c) => cells.some((x) => Object.hasOwn(x, c)));
  } catch { /* a row that is long is cut */ }
  const plain = columns.length === 0 || columns.length > maxColumns;
  const text = (v) => v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v);
  return el('table', {},
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, el('span', { class: 'hidden' }, 'Kept')), ...(plain ? ['Row'] : columns).map((c) => el('th', { scope: 'col' }, c)), el('th', { scope: 'col' }, el('span', { class: 'hidden' }, 'Ask')))),
    el('tbody', {}, ...rows.map((r, i) => el('tr', { class: r.kept ? '' : 'out' },
      el('td', { class: 'mark' }, el('span', { class: r.kept ? 'yes' : 'no', 'aria-hidden': 'true' }, r.kept ? '✓' : '✗'), el('span', { class: 'hidden' }, r.kept ? 'kept' : 'not kept')),
      ...(plain ? [el('td', { class: 'mono' }, r.text)] : columns.map((c) => el('td', { class: 'mono' }, text(Object.hasOwn(cells[i], c) ? cells[i][c] : undefined)))),
      el('td', {}, r.known ? el('button', { type: 'button', class: 'small', 'aria-label': 'Ask about the row of line ' + r.line, onclick: () => load({ context: withKey(r.key) }, at('h-decision')) }, 'Ask') : el('span', { class: 'note' }, 'no key'))))));
}

function showRows(x) {
  const f = x.filter, rows = x.rows ?? [];
  if (!f) return at('kept').replaceChildren(el('p', { class: 'hint' }, 'No decision, no rows.'));
  const out = [];
  if (rows.length) out.push(el('p', {}, `${rows.filter((r) => r.kept).length} of ${plural(rows.length, 'row', 'rows')}`), el('div', { class: 'scroll' }, table(rows)));
  const scope = { everything: 'Every row is kept.', nothing: 'No row is kept.', partly: 'Rows are kept whose' }[f.scope];
  out.push(f.error ? el('p', { class: 'note' }, 'No filter: ' + f.error) : f.scope === 'partly' ? el('p', {}, scope + ' ', el('span', { class: 'mono' }, f.text)) : el('p', {}, scope));
  if (f.sql.length && f.scope === 'partly') {
    out.push(el('details', {}, el('summary', {}, 'As SQL'), ...f.sql.flatMap((s) => [el('h3', {}, s.dialect), s.error ? el('p', { class: 'note' }, s.error) : el('pre', {}, 'WHERE ' + s.text + (s.args.length ? '\n' + s.args.map((a, i) => `-- argument ${i + 1}: ${a}`).join('\n') : ''))])));
  }
  if (f.scan) {
    const s = f.scan;
    out.push(el('details', {}, el('summary', {}, 'As DynamoDB: what a Scan becomes'),
      s.reason ? el('p', {}, 'Nothing of it is allowed: ' + s.reason) : el('p', {}, s.allowed ? 'It is allowed as it is.' : 'These are allowed in its place:'),
      ...s.requests.map((r) => el('pre', {}, r.operation + ' ' + r.body)), s.more ? el('p', {}, `and ${s.more} more`) : ''));
  }
  at('kept').replaceChildren(...out);
}

// witness shows a request, with a button that asks it.
function witness(w, title) {
  const keys = [w.session, w.context].filter(Boolean).flatMap((t) => Object.entries(JSON.parse(t)));
  return el('div', { class: 'witness' }, el('p', { class: 'mono' }, w.action + ' ' + w.resource),
    ...keys.map(([k, v]) => el('p', { class: 'mono' }, el('span', { class: 'keys' }, k + ' = '), listed([v].flat()))),
    el('button', { type: 'button', class: 'small', 'aria-label': `Load the request: ${title}`, onclick: () => load(w, at('h-decision')) }, 'Load as the request'));
}

function showProofs(x) {
  for (const id of ['isolation', 'comparison']) at(id).setAttribute('aria-busy', 'false');
  const i = x.isolation;
  at('isolation').replaceChildren(...!i ? [el('p', { class: 'hint' }, 'There are errors to mend first.')]
    : i.error ? [el('p', { class: 'note' }, i.error)]
    : !i.table ? [el('p', { class: 'hint' }, 'The resource is no DynamoDB table: there are no rows to keep apart.')]
    : !i.checks.length ? [el('p', { class: 'hint' }, 'Say by which context key one’s own rows are known.')]
    : [el('p', { class: 'hint' }, 'Of all requests that the principal can make, whatever the keys of its session:'),
      el('ul', { class: 'claims' }, ...i.checks.map((c) => el('li', {}, el('span', { class: c.verdict }, c.verdict), ' ', c.claim, c.reason ? el('span', { class: 'note' }, ': ' + c.reason) : null,
        c.witness ? witness(c.witness, c.name) : null, c.second ? witness(c.second, c.name + ', the other identity') : null)))]);
  const c = x.comparison;
  const relations = { equal: 'The second policy allows the same.', broader: 'The second policy allows more.', narrower: 'The second policy allows less.', incomparable: 'Each allows what the other does not.', undecided: 'It is not decided.' };
  const direction = (title, d) => d.verdict === 'never' ? null : el('div', {}, el('h3', {}, title),
    d.verdict === 'unknown' ? el('p', { class: 'unknown' }, 'unknown: ' + d.reason) : null, ...d.witnesses.map((w) => witness(w, title + ' ' + w.action)),
    d.witnesses.length && !d.complete ? el('p', { class: 'hint' }, 'and perhaps other actions') : null);
  at('comparison').replaceChildren(...!c ? [el('p', { class: 'hint' }, 'Put a policy under “Compare with”, to see what it would change.')]
    : c.error ? [el('p', { class: 'note' }, c.error)]
    : [el('p', {}, el('span', { class: c.relation }, c.relation), ': ' + relations[c.relation]), direction('It would allow', c.gained), direction('It would no longer allow', c.lost)].filter(Boolean));
}

// ---- Examples.

async function begin() {
  let examples = [];
  try {
    examples = await (await fetch('examples.json', { cache: 'no-store' })).json();
  } catch {
    tell('The examples cannot be read.');
  }
  at('examples').replaceChildren(...examples.map((x, i) => el('option', { value: String(i) }, x.name)));
  at('load').addEventListener('click', () => {
    const x = examples[Number(at('examples').value)];
    if (!x) return;
    select(at('tab-' + (x.tab ?? 'policy')));
    load({ ...Object.fromEntries(fields.map((id) => [id, id === 'keyType' ? 'S' : ''])), ...x.state });
  });
  if (location.hash.startsWith('#v1.') && await restore()) return;
  if (examples.length) put(examples[0].state);
  changed(0);
}

begin();
