// Who answers: the server that the page came from.
'use strict';

globalThis.rowan = {
  // ask resolves with the answer to a question, and fails when signal says so.
  async ask(question, signal) {
    const r = await fetch('answer', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(question), signal, cache: 'no-store' });
    if (!r.ok) throw new Error((await r.text()).trim() || 'no answer');
    return r.json();
  },
};
