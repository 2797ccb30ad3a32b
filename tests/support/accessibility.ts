import type { Page } from 'playwright-core';

/** Roles that say nothing without a name. */
const NAMED = new Set([
  ...['button', 'link', 'textbox', 'searchbox', 'spinbutton', 'combobox', 'checkbox', 'radio', 'DateTime'],
  ...['table', 'figure', 'image', 'img', 'meter', 'dialog', 'navigation', 'region', 'radiogroup'],
]);
/** Of text and its ground; of large text: https://www.w3.org/TR/WCAG22/#contrast-minimum */
const CONTRAST = { text: 4.5, large: 3 };

/** As in https://chromedevtools.github.io/devtools-protocol/tot/Accessibility/#type-AXNode */
interface AXNode {
  ignored: boolean;
  role?: { value: string };
  name?: { value?: string };
}

/**
 * What a page is lacking for people who do not see it, do not see it well, or do not use a mouse, as far as a program
 * can tell: by Chromium's accessibility tree, and by looking through the document.
 *
 * @returns a line each; none is as it should be.
 */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const [unnamed, others] = [await unnamedOf(page), await page.evaluate(faultsOfDocument, CONTRAST)];
  return [...unnamed, ...others];
}

async function unnamedOf(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AXNode[] };
  await session.detach();
  return nodes
    .filter(({ ignored, role, name }) => !ignored && NAMED.has(role?.value ?? '') && !name?.value?.trim())
    .map(({ role }) => `a ${role?.value} without a name`);
}

/** Runs in the page. */
function faultsOfDocument(contrast: typeof CONTRAST): string[] {
  const faults: string[] = [];
  const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
  const expectOne = (selector: string) => {
    if (all(selector).length !== 1) faults.push(`${all(selector).length} of ${selector}`);
  };
  for (const selector of ['h1', 'main']) expectOne(selector);
  if (document.documentElement.lang !== 'en') faults.push('no language');
  if (document.title === '') faults.push('no title');

  const levels = all('h1, h2, h3').map(({ tagName }) => Number(tagName[1]));
  if (levels.some((level, n) => level > (levels[n - 1] ?? 0) + 1)) faults.push(`headings of levels ${levels}`);

  const ids = all('[id]').map(({ id }) => id);
  const doubled = ids.filter((id, n) => ids.indexOf(id) !== n);
  if (doubled.length > 0) faults.push(`ids twice: ${doubled}`);

  for (const fieldset of all('fieldset')) {
    if (!fieldset.querySelector(':scope > legend')?.textContent) faults.push('fields together without a name');
  }
  for (const table of all('table').filter((table) => !table.closest('[aria-hidden="true"]'))) {
    if (!table.querySelector('caption')?.textContent) faults.push('a table without a caption');
    if (table.querySelector('th:not([scope])')) faults.push('a head of a table without a scope');
  }
  for (const element of all('*')) {
    const { overflowX, overflowY } = getComputedStyle(element);
    const scrolls =
      (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth) ||
      (/auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight);
    if (scrolls && element.tabIndex < 0 && !element.querySelector('a, button, input, [tabindex="0"]')) {
      faults.push(`the keyboard does not reach what scrolls in ${element.className || element.tagName}`);
    }
  }

  // Resolves whatever CSS allows, and what is half transparent is laid upon what is below.
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (colours: readonly string[]): number[] => {
    if (!canvas) throw new Error('There is no canvas.');
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb: readonly number[]) =>
    [0.2126, 0.7152, 0.0722].reduce((sum, weight, n) => {
      const part = (rgb[n] ?? 0) / 255;
      return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    }, 0);
  const backgroundsOf = (element: Element | null): string[] =>
    element ? [...backgroundsOf(element.parentElement), getComputedStyle(element).backgroundColor] : [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent?.trim() ?? '';
    if (!element?.checkVisibility() || text === '' || element.closest('.unseen, .skip, :disabled, option')) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const size = Number.parseFloat(fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
    const grounds = backgroundsOf(element);
    const [a, b] = [luminance(over([...grounds, color])), luminance(over(grounds))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (isLarge ? contrast.large : contrast.text)) {
      faults.push(`a contrast of ${ratio.toFixed(2)}: ${color} in “${text.slice(0, 40)}”`);
    }
  }
  return faults;
}
