// A layout that a program might add: each tensor in a file of its own, every matrix transposed, config.json in Hugging Face's keys.

import type { Architecture } from "../../core/architecture/architecture.js";
import type { Plugin, Values } from "../../core/architecture/declaration.js";
import { parseObject, plain } from "../../core/format/json.js";
import { encodeHeader } from "../../core/format/safetensors.js";
import { readHeaders } from "../../core/layout/headers.js";
import { HuggingFaceLayout } from "../../core/layout/huggingface/layout.js";
import type {
  Arrangement,
  Checkpoint,
  DocumentRequest,
  Layout,
  Slot,
  TargetDocument,
  TargetFile,
  TargetRequest,
} from "../../core/layout/layout.js";
import { placePiece } from "../../core/layout/place.js";
import type { ReferenceMap } from "../../core/plan/transforms.js";
import type { Store } from "../../core/store/store.js";
import { readText } from "../../core/store/text.js";

const huggingFace = new HuggingFaceLayout();
const WHOLE: Arrangement = { tp: 1, pp: 1, ropeInterleaved: false };
const flatName = (name: string) => name.replaceAll(".", "-");

export class FlatLayout implements Layout {
  readonly name = "flat";

  async detect(store: Store, root: string): Promise<string | undefined> {
    return (await store.status(`${root}/flat.json`)) === undefined ? undefined : root;
  }

  async open(store: Store, root: string): Promise<Checkpoint> {
    const configText = await readText(store, `${root}/flat.json`);
    const names = (await store.list(root)).filter((name) => name.endsWith(".safetensors"));
    const files = await readHeaders(
      store,
      names.map((name) => `${root}/${name}`),
    );
    const tensors = new Map(
      files.flatMap(({ header }, file) => header.tensors.map((tensor) => [tensor.name, { ...tensor, key: tensor.name, file }])),
    );
    return {
      layout: this.name,
      configStyle: "huggingface",
      root,
      configPath: `${root}/flat.json`,
      rawConfig: plain(parseObject(configText, "flat.json")) as Values,
      configText,
      topology: { tp: 1, pp: 1 },
      version: undefined,
      files,
      tensors,
      sideFiles: [],
      problems: [],
    };
  }

  readSettings = (rawConfig: Values, plugin: Plugin): Values => huggingFace.readSettings(rawConfig, plugin);
  arrangementOf = (): Arrangement => WHOLE;
  chooseArrangement = (): Arrangement => WHOLE;

  slots({ components }: Architecture): Slot[] {
    return components.map((component, componentIndex) => {
      const shape = [...component.shape].reverse();
      const transpose = shape.length === 2;
      const piece = placePiece({ component, componentIndex, cut: undefined, shape, at: undefined, interleaved: false, transpose });
      return { key: flatName(component.name), name: flatName(component.name), shape, pieces: [piece] };
    });
  }

  reference({ components }: Architecture): ReferenceMap {
    return {
      locate: ({ component, index }) => ({ key: flatName(components[component]?.name ?? ""), index: [...index].reverse() }),
      identify: ({ key, index }) => {
        const component = components.findIndex(({ name }) => flatName(name) === key);
        return component < 0 ? undefined : { component, index: [...index].reverse() };
      },
    };
  }

  files({ slots, dtypes }: TargetRequest): TargetFile[] {
    return slots.map(({ key, name, shape }) => {
      const { bytes, tensors, fileByteLength } = encodeHeader([{ name, shape, dtype: dtypes.get(key) ?? "F32" }], undefined);
      return {
        path: `${name}.safetensors`,
        byteLength: fileByteLength,
        header: bytes,
        tensors: tensors.map((tensor) => ({ ...tensor, key })),
      };
    });
  }

  documents(request: DocumentRequest): TargetDocument[] {
    const config = huggingFace.documents(request).filter(({ path }) => path === "config.json");
    return config.map(({ text }) => ({ path: "flat.json", text }));
  }
}
