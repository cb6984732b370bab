"""Questions to a page in a browser: what is too small, too faint or too wide to be read. JavaScript, asked from outside."""

from __future__ import annotations

from typing import Final

SIZES: Final = """() => {
  // Every text that is shown, with the size at which it is drawn: in a drawing that is scaled, so is its text.
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({contentVisibilityAuto: true})) continue;
    if (element.closest('title, desc, style')) continue;
    const svg = element.closest('svg');
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    found.push([node.textContent.trim().slice(0, 40), parseFloat(getComputedStyle(element).fontSize) * scale]);
  }
  return found;
}"""
"""[text, size in pixels] of everything shown."""

CONTRASTS: Final = """() => {
  const parse = colour => { const n = colour.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => { for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }
    return parse(getComputedStyle(document.body).backgroundColor); };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({contentVisibilityAuto: true})) continue;
    if (element.closest('title, desc, style')) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest('svg') ? style.fill : style.color), page = behind(element);
    const [a, b] = [light(ink.slice(0, 3)), light(page.slice(0, 3))];
    found.push([node.textContent.trim().slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""
"""[text, contrast with what is behind it] of everything shown."""

MARKS: Final = """() => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const page = light(parse(getComputedStyle(document.body).backgroundColor));
  return [...document.querySelectorAll('svg .line, svg .bar, svg .dot, svg .column, svg .cross, svg .ring')].filter(e => e.checkVisibility()).map(e => {
    const style = getComputedStyle(e), fill = /dot|column/.test(e.getAttribute('class'));
    const ink = light(parse(fill ? style.fill : style.stroke));
    return [e.getAttribute('class'), (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05)];
  });
}"""
"""[class, contrast with the page] of every mark that carries a number."""

CUT: Final = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  for (const text of document.querySelectorAll('svg text')) {
    if (!text.checkVisibility()) continue;
    const mine = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();
    if (mine.left < frame.left - 1.5 || mine.right > frame.right + 1.5 || mine.top < frame.top - 1.5 || mine.bottom > frame.bottom + 1.5)
      found.push([text.textContent, text.closest('figure').id]);
  }
  return found;
}"""
"""[text, figure] of all words in a drawing that leave it."""

WIDER: Final = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""Pixels by which the page is wider than its window."""
