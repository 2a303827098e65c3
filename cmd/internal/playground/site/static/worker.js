// Runs the engine. What it is sent is the text of a question.
'use strict';

importScripts('wasm_exec.js');

const ready = (async () => {
  const go = new Go();
  const r = await fetch('rowan.wasm');
  if (!r.ok) throw new Error('rowan.wasm: ' + r.status);
  // A server may not know the type of a .wasm, which streaming insists on.
  const streamed = r.headers.get('content-type') === 'application/wasm';
  const { instance } = streamed ? await WebAssembly.instantiateStreaming(r, go.importObject) : await WebAssembly.instantiate(await r.arrayBuffer(), go.importObject);
  go.run(instance); // it goes on for as long as the worker does
})();

onmessage = async (m) => {
  try {
    await ready;
    postMessage({ answer: globalThis.rowanAnswer(m.data) });
  } catch (e) {
    postMessage({ error: 'the engine does not start: ' + e.message });
  }
};
