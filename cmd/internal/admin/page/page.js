// The operator's page. Text of strangers is only ever set as text.
'use strict';

const every = 1000, maxRows = 200;
const at = (id) => document.getElementById(id);

function el(name, props, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(props || {})) {
    if (k === 'class') e.className = v; else if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

async function get(path) {
  const r = await fetch(path, { headers: { accept: 'application/json' }, cache: 'no-store' });
  return [r, await r.json()];
}

const span = (seconds) => {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return s + ' s';
  if (s < 7200) return Math.round(s / 60) + ' min';
  return s < 172800 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' days';
};

// ---- The server.

function showState(s) {
  const ago = (t) => span((Date.parse(s.now) - Date.parse(t)) / 1000) + ' ago';
  const status = at('status');
  status.className = s.unready ? 'bad' : 'good';
  const text = s.unready ? 'not ready: ' + s.unready : s.refusal ? 'ready, with an older bundle' : 'ready';
  if (at('statustext').textContent !== text) at('statustext').textContent = text;
  const refusal = at('refusal');
  const why = s.refusal ? 'A newer bundle was refused ' + ago(s.refusal.at) + ' (' + s.refusal.reason + '): ' + s.refusal.text : '';
  if (refusal.textContent !== why) refusal.textContent = why;
  refusal.hidden = !why;
  const list = [
    ['Bundle', s.source || 'built in'], ['Digest', s.digest.slice(0, 16)], s.version ? ['Version', String(s.version)] : null,
    s.key ? ['Signed by', s.key] : null, ['In force', 'since ' + ago(s.loaded).replace(' ago', '')], ['Last checked', ago(s.checked)],
    s.expires ? ['Expires', new Date(s.expires).toISOString().slice(0, 16) + 'Z'] : null,
    ['Loaded', s.loads + (s.loads === 1 ? ' time' : ' times')],
    ['Holds', s.roles.length + (s.roles.length === 1 ? ' role, ' : ' roles, ') + Object.entries(s.counts).filter(([, n]) => n > 0).map(([k, n]) => n + ' ' + (n === 1 ? k.replace(/ies$/, 'y').replace(/s$/, '') : k)).join(', ')],
    ['Revocations', 'known as of ' + span(s.revocationLagSeconds) + ' ago' + (s.stale ? ': stale' : '')],
  ];
  if (s.log) {
    list.push(['Decision log', s.log.failing ? 'cannot be written: ' + s.log.failing : 'line ' + s.log.line + ', ' + s.log.written + ' written' +
      (s.log.skipped ? ', ' + s.log.skipped + ' left out' : '') + (s.log.dropped ? ', ' + s.log.dropped + ' dropped' : '') + (s.log.refused ? ', ' + s.log.refused + ' refused' : '')]);
  }
  at('state').replaceChildren(...list.filter(Boolean).flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)]));
  const names = s.roles.join();
  if (at('roles').dataset.names !== names) {
    at('roles').dataset.names = names;
    at('roles').replaceChildren(...s.roles.map((r) => el('option', { value: r })));
  }
}

async function lookState() {
  try {
    showState((await get('/api/state'))[1]);
  } catch {
    at('status').className = 'bad';
    at('statustext').textContent = 'no answer';
  }
}

// ---- Explanations.

const words = { allowed: 'allowed', explicitDeny: 'denied by a statement', implicitDeny: 'denied: nothing allows it' };

function statement(s) {
  const mark = s.applied ? '✓ ' : '✗ ';
  const name = (s.sid || 'statement ' + s.index) + ', ' + s.policy + (s.line ? ':' + s.line : '');
  const how = s.decided ? ' decided' : s.nearest ? ' came nearest' : '';
  const head = mark + s.effect + ' ' + name;
  if (!s.unmet.length) return el('li', {}, head, how ? el('strong', {}, how) : null);
  const d = el('details', {}, el('summary', {}, head, how ? el('strong', {}, how) : null), el('ul', {}, ...s.unmet.map((u) => el('li', { class: 'mono' }, u))));
  d.open = s.nearest || s.decided;
  return el('li', {}, d);
}

function showAnswer(x, title) {
  const kinds = new Map();
  for (const s of x.statements) {
    if (!kinds.has(s.kind)) kinds.set(s.kind, []);
    kinds.get(s.kind).push(s);
  }
  const branches = [...kinds].map(([kind, all]) => {
    const d = el('details', {}, el('summary', {}, kind + ': ' + all.length + (all.length === 1 ? ' statement' : ' statements')), el('ul', {}, ...all.map(statement)));
    d.open = all.some((s) => s.decided || s.nearest);
    return el('li', {}, d);
  });
  const answer = at('answer');
  answer.replaceChildren(
    el('h3', {}, title, el('span', { class: x.decision }, words[x.decision] || x.decision), x.decidedBy ? ' (' + x.decidedBy + ')' : ''),
    ...(x.notes || []).map((n) => el('p', { class: 'note' }, n)),
    x.fault ? el('p', { class: 'note' }, x.fault) : '',
    x.missingContext.length ? el('p', {}, 'Not in the request: ', el('span', { class: 'mono' }, x.missingContext.join(', '))) : '',
    el('ul', { class: 'tree' }, ...branches),
    el('details', {}, el('summary', {}, 'As text'), el('pre', { tabindex: '0' }, x.text)),
  );
  answer.focus();
  answer.scrollIntoView({ block: 'nearest' });
}

function showError(text) {
  at('answer').replaceChildren(el('p', { class: 'alert', role: 'alert' }, text));
  at('answer').focus();
}

// lines reads KEY = VALUE, one a line.
function lines(text, put) {
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    const i = line.indexOf('=');
    if (i < 1) throw new Error('“' + line.trim() + '”: want KEY = VALUE');
    put(line.slice(0, i).trim(), line.slice(i + 1).trim());
  }
}

async function ask(event) {
  event.preventDefault();
  const f = event.target.elements;
  const q = {
    principal: f.principal.value.trim(), identityId: f.identityId.value.trim(), guest: f.guest.checked,
    action: f.action.value.trim(), resource: f.resource.value.trim(), context: {}, tags: {},
  };
  try {
    lines(f.context.value, (k, v) => { q.context[k] = v === '' ? [] : v.split(',').map((x) => x.trim()); });
    lines(f.tags.value, (k, v) => { q.tags[k] = v; });
    const r = await fetch('/api/ask', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(q) });
    const x = await r.json();
    if (!r.ok) throw new Error(x.error);
    showAnswer(x, '');
  } catch (e) {
    showError(e.message);
  }
}

async function why(id) {
  try {
    const [r, x] = await get('/api/why?id=' + encodeURIComponent(id));
    if (!r.ok) throw new Error(x.error);
    showAnswer(x, 'Decision ' + id.slice(-8) + ': ');
  } catch (e) {
    showError(e.message);
  }
}

// ---- Decisions.

let next = 0, paused = false, kept = [];

function row(d) {
  const short = d.principal ? d.principal.replace(/^arn:[^:]*:[^:]*::[0-9]*:/, '') : 'anonymous';
  const rows = d.kind === 'rows' ? ' ' + d.allowed + ' of ' + d.rows + ' rows' : '';
  return el('tr', { class: 'new' },
    el('td', { class: 'time mono' }, d.at.slice(11, 23)),
    el('td', { class: 'verdict' }, el('span', { class: d.decision }, d.decision), rows),
    el('td', { class: 'mono action' }, d.action), el('td', { class: 'mono' }, d.resource), el('td', { class: 'mono' }, short, d.identity ? ' ' + d.identity : ''),
    el('td', { class: 'took' }, d.tookNanos >= 1e6 ? (d.tookNanos / 1e6).toFixed(1) + ' ms' : Math.round(d.tookNanos / 1e3) + ' µs'),
    el('td', {}, el('button', { type: 'button', class: 'small', 'aria-label': 'Why was ' + d.action + ' ' + d.decision + '?', onclick: () => why(d.id) }, 'Why?')));
}

function wanted(d) {
  if (at('denied').checked && d.decision === 'allowed' && d.rows === d.allowed) return false;
  const text = at('filter').value.trim().toLowerCase();
  return !text || JSON.stringify(d).toLowerCase().includes(text);
}

function redraw() {
  at('rows').replaceChildren(...kept.filter(wanted).map(row));
  at('none').hidden = at('rows').childElementCount > 0;
  at('none').textContent = kept.length ? 'Nothing like that was decided lately.' : 'Nothing was decided yet.';
}

async function lookDecisions() {
  if (paused) return;
  try {
    const [, x] = await get('/api/decisions?since=' + next);
    if (x.next < next) { next = 0; kept = []; return; } // another process
    next = x.next;
    if (!x.decisions.length) return;
    const fresh = x.decisions.reverse();
    kept = fresh.concat(kept).slice(0, maxRows);
    at('rows').prepend(...fresh.filter(wanted).map(row));
    while (at('rows').childElementCount > maxRows) at('rows').lastElementChild.remove();
    at('none').hidden = at('rows').childElementCount > 0;
  } catch { /* the state says so */ }
}

at('ask').addEventListener('submit', ask);
at('filter').addEventListener('input', redraw);
at('denied').addEventListener('change', redraw);
at('pause').addEventListener('click', (e) => {
  paused = !paused;
  e.target.setAttribute('aria-pressed', String(paused));
  e.target.textContent = paused ? 'Go on' : 'Pause';
});

async function loop(f, ms) {
  for (;;) {
    await f();
    await new Promise((done) => { setTimeout(done, ms); });
  }
}
loop(lookState, 2 * every);
loop(lookDecisions, every);
