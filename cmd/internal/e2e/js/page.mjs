// What the scripts that look at a page share.
export const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

// reader goes through a page by the keyboard.
export function reader(tab) {
  // active is how a screen reader would say what has the focus.
  const active = () => tab.evaluate(() => {
    const e = document.activeElement;
    return (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent).trim().replace(/\s+/g, ' ');
  });
  // walk goes with the Tab key to what has a name that begins so.
  const walk = async (name, key = 'Tab') => {
    for (let i = 0; i < 60; i++) {
      if ((await active()).startsWith(name)) return;
      await tab.keyboard.press(key);
    }
    throw new Error(`the ${key} key does not reach ${name}`);
  };
  const outlined = () => tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none');
  return { active, walk, outlined };
}

// wide is what does not fit, if the page is wider than what shows it.
export const wide = (tab) => tab.evaluate(() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > most).map((e) => e.outerHTML.slice(0, 60));
});

// contrast is the least of the texts that are seen. Source: WCAG 2.2, 1.4.3.
export const contrast = (tab) => tab.evaluate(() => {
  const light = (c) => {
    const [r, g, b] = c.match(/[\d.]+/g).map((x) => { const v = x / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\)$/.test(c)) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  let least = { ratio: 21 };
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least.ratio) least = { ratio, text: e.textContent.slice(0, 40) };
  }
  return least;
});
