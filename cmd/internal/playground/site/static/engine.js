// Who answers: Rowan's engine in WebAssembly, in workers of this page. Nothing
// is sent anywhere. A proof may take seconds, so it has a worker of its own.
'use strict';

{
  const address = 'worker.js';
  const policy = globalThis.trustedTypes?.createPolicy('rowan', { createScriptURL: (u) => { if (u !== address) throw new TypeError(u); return u; } });

  const start = () => {
    const worker = new Worker(policy ? policy.createScriptURL(address) : address);
    const waiting = [];
    let asked = null;
    const next = () => {
      while (!asked && waiting.length) {
        const x = waiting.shift();
        if (x.signal?.aborted) continue;
        asked = x;
        worker.postMessage(x.text);
      }
    };
    worker.onmessage = (m) => {
      const x = asked;
      asked = null;
      if (m.data.error) x?.reject(new Error(m.data.error)); else x?.resolve(JSON.parse(m.data.answer));
      next();
    };
    worker.onerror = () => {
      asked?.reject(new Error('the engine has stopped: load the page again'));
      asked = null;
      next();
    };
    return (text, signal) => new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new DOMException('no longer asked', 'AbortError')));
      waiting.push({ text, signal, resolve, reject });
      next();
    });
  };

  const workers = new Map();
  globalThis.rowan = {
    ask(question, signal) {
      if (!workers.has(question.ask)) workers.set(question.ask, start());
      return workers.get(question.ask)(JSON.stringify(question), signal);
    },
  };
}
