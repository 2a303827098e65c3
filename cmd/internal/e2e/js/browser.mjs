// Runs a program in a browser, as a page of another origin than the server's,
// and prints what it prints there.
import { createServer } from 'node:http';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [program, executablePath] = process.argv.slice(2);
const bundle = await build({
  entryPoints: [program], bundle: true, format: 'esm', platform: 'browser', define: { global: 'globalThis' }, write: false, logLevel: 'error',
});
const page = createServer((request, response) => {
  const script = request.url === '/program.js';
  response.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
  response.end(script ? bundle.outputFiles[0].contents : '<!doctype html><script type="module" src="/program.js"></script>');
});
await new Promise((resolve) => page.listen(0, '127.0.0.1', resolve));
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const tab = await browser.newPage();
  const failed = new Promise((_, reject) => tab.once('pageerror', reject));
  const printed = tab.waitForEvent('console', { predicate: (m) => m.type() === 'log', timeout: 60_000 });
  await tab.goto(`http://127.0.0.1:${page.address().port}/`);
  console.log((await Promise.race([printed, failed])).text());
} finally {
  await browser.close();
  page.close();
}
