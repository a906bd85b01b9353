// What the compiler leaves to do: validators and plugins are made ready, and the command is one file, so that it starts
// at once.
//
//   tsc && node dist/tools/finish-build.js

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import standaloneCode from "ajv/dist/standalone/index.js";
import { type BuildOptions, build, type Plugin } from "esbuild";

const root = join(fileURLToPath(import.meta.resolve("#package")), "..");
const at = (path: string): string => join(root, path);

const COMMON = { bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "warning" } satisfies BuildOptions;

/** Compiling a schema at every start would cost more than all else that a start does. */
async function generateValidator(name: string): Promise<void> {
  const schema = JSON.parse(await readFile(at(`schemas/${name}.schema.json`), "utf8")) as object;
  const ajv = new Ajv2020({ allErrors: true, verbose: true, allowUnionTypes: true, code: { source: true } });
  const contents = standaloneCode.default(ajv, ajv.compile(schema));
  await build({ ...COMMON, stdin: { contents, resolveDir: root }, outfile: at(`dist/generated/${name}-validator.js`) });
}

/** Reading and checking two dozen declarations would be most of a start. */
async function compilePlugins(): Promise<void> {
  const path = at("dist/generated/built-in-plugins.json");
  await rm(path, { force: true });
  const { createContext } = await import("../core/compose.js");
  const { compiledPlugins } = await import("../core/architecture/load.js");
  await writeFile(path, JSON.stringify(compiledPlugins(createContext().plugins)));
}

/** A plugin package throws the package's own errors, which the command knows by their class: there is one of each. */
const oneOfErrors: Plugin = {
  name: "one of errors",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/errors\.js$/ }, ({ path, resolveDir }) =>
      join(resolveDir, path) === at("dist/core/errors.js") ? { path: "#compiled/core/errors.js", external: true } : undefined,
    );
  },
};

/** Over three hundred small modules would take longer to find than to run. Tests and programs use the modules as they are. */
async function bundleEntries(): Promise<void> {
  const outdir = at("dist/core");
  await rm(join(outdir, "chunks"), { recursive: true, force: true });
  await build({
    ...COMMON,
    entryPoints: ["cli/main.js", "lanes/thread.js", "executor/cpu/worker.js"].map((entry) => join(outdir, entry)),
    outdir,
    outbase: outdir,
    allowOverwrite: true,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    sourcemap: true,
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "linked",
    external: ["webgpu", "@huggingface/tokenizers"],
    plugins: [oneOfErrors],
    // Packages that are not modules ask for Node's own with require.
    banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
  });
}

for (const name of ["plugin", "cases"]) await generateValidator(name);
await compilePlugins();
await bundleEntries();
