// Reports as a person sees them: in a real Chromium, light and dark, with nothing asked of any network.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { after, before, describe, it } from "mocha";
import { createEngine } from "../../core/index.js";
import { faintTexts, openBrowser, pictureOf, type Watched } from "../helpers/browser.js";
import { editJson, fixture, readAllTensors, scratchFolder, writeTensors } from "../helpers/folders.js";

const scratch = scratchFolder("report");
after(scratch.remove);

const opened = await openBrowser();
const title = typeof opened === "string" ? `SKIPPED: ${opened}` : "in Chromium";
const { page, said, requested, close } = (typeof opened === "string" ? {} : opened) as Watched;
after(() => close?.());

(typeof opened === "string" ? describe.skip : describe)(`a report ${title}`, () => {
  const engine = createEngine();
  const source = fixture("tiny-llama3");
  const files = { equal: "", different: "", hostile: "" };

  before(async () => {
    const target = (name: string) => join(scratch.fresh(), name);
    const right = target("right");
    await engine.convert(source, right, { to: "nanotron", tp: 2, pp: 2, ropeInterleaved: true, verify: "none" });
    files.equal = target("equal.html");
    await engine.verify(source, right, { report: files.equal, predictions: 24 });

    editJson(right, "model_config.json", { rope_interleaved: false });
    files.different = target("different.html");
    await engine.verify(source, right, { report: files.different, predictions: 48 });

    files.hostile = target("hostile.html");
    await engine.verify(source, hostileCopy(), { report: files.hostile, predictions: 24 });
  });

  /** Its folder, a tensor and a setting have names that are programs where they are taken for HTML. */
  function hostileCopy(): string {
    const folder = join(scratch.fresh(), '<img src=x onerror="window.taken=1">');
    mkdirSync(folder, { recursive: true });
    const copy = scratch.copy("tiny-llama3");
    editJson(copy, "config.json", { hidden_act: "</script><script>window.taken=2</script>" });
    copyFileSync(join(copy, "config.json"), join(folder, "config.json"));
    const tensors = readAllTensors(source);
    tensors.set("<script>window.taken=3</script>", { dtype: "BF16", shape: [1], data: Buffer.alloc(2) });
    writeTensors(join(folder, "model.safetensors"), tensors);
    return folder;
  }

  async function open(file: string, colorScheme: "light" | "dark"): Promise<string> {
    for (const list of [said, requested]) list.length = 0;
    await page.emulateMedia({ colorScheme });
    await page.goto(pathToFileURL(file).href);
    return page.evaluate("document.querySelector('main').innerText");
  }

  const expectQuiet = (file: string) => expect({ said, requested }).to.deep.equal({ said: [], requested: [pathToFileURL(file).href] });

  for (const colorScheme of ["light", "dark"] as const) {
    for (const verdict of ["equal", "different"] as const) {
      it(`of a pair called ${verdict}, ${colorScheme}: drawn, readable, and silent`, async () => {
        const file = files[verdict];
        await open(file, colorScheme);
        expect(await faintTexts(page), "too little contrast").to.deep.equal([]);
        expectQuiet(file);
        const { width, height, colors, brightness } = await pictureOf(page, await page.screenshot({ fullPage: true }).then(Buffer.from));
        expect({ width, isLong: height > 3000, isDrawn: colors > 200 }).to.deep.equal({ width: 1200, isLong: true, isDrawn: true });
        if (colorScheme === "light") expect(brightness).to.be.above(0.8);
        else expect(brightness).to.be.below(0.25);
      });
    }
  }

  it("says what is equal and how well that is proven", async () => {
    const text = await open(files.equal, "light");
    for (const words of [
      "Equal",
      "All 39 tensors have equal values and dtypes.",
      "Both frameworks' own forwards agree on 24 predictions, to within the order of float32 sums.",
      "39 / 39",
      "24 / 24",
      "No stage is beyond its limit.",
      "Nanotron, TP 2 × PP 2",
      "TP 1 · PP 1",
      "model-00003-of-00003.safetensors",
      "model.decoder.3.pp_block.attn.qkv_proj.weight",
    ]) {
      expect(text).to.include(words);
    }
  });

  it("says what differs, and where the forwards part", async () => {
    const text = await open(files.different, "light");
    for (const words of [
      "Different",
      "8 tensors with different values: model.layers.{0…3}.self_attn.q_proj.weight (4), model.layers.{0…3}.self_attn.k_proj.weight (4).",
      "The forwards part at layer 0 attention",
      "31 / 39",
      "First beyond its limit: layer 0 attention",
    ]) {
      expect(text).to.include(words);
    }
  });

  it("draws a point for every stage, and marks those beyond their limits", async () => {
    await open(files.different, "light");
    const points = await page.locator(".chart svg [aria-label=dot] circle").all();
    const fills = await Promise.all(points.map((point) => point.getAttribute("fill")));
    // The embedding is equal; four layers of two stages, the norm and the logits are not.
    expect(fills).to.deep.equal(["var(--card)", ...Array.from({ length: 10 }, () => "var(--bad)")]);
  });

  it("finds tensors by words and by what was found of them", async () => {
    await open(files.different, "light");
    const shown = () => page.locator("#parameters tbody tr:visible").count();
    expect(await shown()).to.equal(39);
    await page.fill("input[type=search]", "layers.2 mlp");
    expect(await shown()).to.equal(3);
    await page.fill("input[type=search]", "");
    await page.click("button[data-finding=different]");
    expect(await shown()).to.equal(8);
    expect(await page.textContent("#parameters output")).to.equal("8 of 39");
  });

  it("shows names that are programs, and runs none of them", async () => {
    const text = await open(files.hostile, "light");
    expect(text).to.include("<script>window.taken=3</script>");
    expect(text).to.include('<img src=x onerror="window.taken=1">');
    expect(text).to.include('"</script><script>window.taken=2</script>"');
    expect(await page.evaluate("[window.taken, document.images.length, document.scripts.length]")).to.deep.equal([undefined, 0, 1]);
    expectQuiet(files.hostile);
  });

  it("would not run a script that had got in, nor load anything", async () => {
    const file = join(scratch.fresh(), "tampered.html");
    mkdirSync(join(file, ".."));
    const tampered = readFileSync(files.equal, "utf8").replace(
      "<main",
      '<script>window.taken=4</script><img src="https://example.com/x.png"><main',
    );
    writeFileSync(file, tampered);
    await open(file, "light");
    expect(await page.evaluate("window.taken")).to.equal(undefined);
    expect(said.filter((message) => message.includes("Content Security Policy"))).to.have.length(2);
  });
});
