// Headless Chromium out of a package, for pages that lie on the disk. It runs on Linux on x64, where its libraries are.

import chromium from "@sparticuz/chromium";
import { type Browser, type Page, chromium as playwright } from "playwright-core";

/** What a page did that a report must not do. */
export interface Watched {
  readonly page: Page;
  /** Messages on the console, and errors of scripts. */
  readonly said: string[];
  readonly requested: string[];
  readonly close: () => Promise<void>;
}

/** @returns a page in a browser of its own, or why there is none here */
export async function openBrowser(): Promise<Watched | string> {
  if (process.platform !== "linux" || process.arch !== "x64") return `no Chromium for ${process.platform} ${process.arch}`;
  let browser: Browser;
  try {
    browser = await playwright.launch({ executablePath: await chromium.executablePath(), args: chromium.args, headless: true });
  } catch (error) {
    return `Chromium does not start: ${(error as Error).message.match(/error while loading.*|.*/)?.[0]}`;
  }
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const [said, requested]: [string[], string[]] = [[], []];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("request", (request) => requested.push(request.url()));
  return { page, said, requested, close: () => browser.close() };
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Different colours in it. */
  readonly colors: number;
  /** Of all its pixels: 0 black, 1 white. */
  readonly brightness: number;
}

/** What is on a PNG, by the browser's own decoder; the page is empty afterwards. */
export async function pictureOf(page: Page, png: Buffer): Promise<Picture> {
  await page.goto("about:blank");
  return page.evaluate(`(${DECODE})("${png.toString("base64")}")`) as Promise<Picture>;
}

/** Runs in the page, whose types this program does not have. */
const DECODE = `async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const colors = new Set();
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) {
    colors.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    sum += data[at] + data[at + 1] + data[at + 2];
  }
  return { width: image.width, height: image.height, colors: colors.size, brightness: sum / (data.length / 4) / 765 };
}`;

/**
 * Texts that are hard to read: the contrast with what is behind them, as WCAG 2.2 defines it, is under what it asks for.
 *
 * @returns each with its contrast
 */
export const faintTexts = (page: Page): Promise<string[]> => page.evaluate(FAINT) as Promise<string[]>;

const FAINT = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [r, g, b] = parse(color).map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = parse(color);
      if (alpha === 1 && color !== "transparent") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (text === "" || element.closest("script, style, title") !== null || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [light, dark] = [luminance(element.closest("svg") === null ? style.color : style.fill), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < (isLarge ? 3 : 4.5)) found.push(contrast.toFixed(2) + " " + text.slice(0, 60));
  }
  return [...new Set(found)];
})()`;
