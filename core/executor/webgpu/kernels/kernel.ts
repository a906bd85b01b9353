// A kernel as a value: its parameters, its buffers and its WGSL, of which the declarations are made here.

/** One scalar of a kernel's parameters; a kernel finds it as `p.name`. */
export type Scalar = "u32" | "f32";

export interface Binding {
  readonly name: string;
  /** WGSL element type of the buffer. */
  readonly type: string;
  readonly access?: "read" | "read_write";
}

export interface Kernel {
  /** Unlike any other kernel's: a pipeline is made once per name. */
  readonly name: string;
  readonly params: Readonly<Record<string, Scalar>>;
  readonly bindings: readonly Binding[];
  readonly code: string;
}

/** Threads of a workgroup, in every kernel. */
export const THREADS = 256;

/** Groups of one dispatch dimension that every device has. */
const MAX_GROUPS = 65535;

/**
 * The whole module. `main` declares its own entry; `p` holds the parameters.
 */
export function source({ params, bindings, code }: Kernel): string {
  const fields = Object.entries(params).map(([name, type]) => `${name}: ${type}`);
  const buffers = bindings.map(
    ({ name, type, access = "read" }, index) => `@group(0) @binding(${index + 1}) var<storage, ${access}> ${name}: array<${type}>;`,
  );
  return `struct Params { ${fields.join(", ")} }\n@group(0) @binding(0) var<uniform> p: Params;\n${buffers.join("\n")}\n${code}`;
}

export function packParams({ name, params }: Kernel, values: Readonly<Record<string, number>>): Uint32Array {
  const words = new Uint32Array(Object.keys(params).length);
  const floats = new Float32Array(words.buffer);
  Object.entries(params).forEach(([field, type], index) => {
    const value = values[field];
    if (value === undefined) throw new Error(`kernel ${name}: no value for ${field}`);
    (type === "f32" ? floats : words)[index] = value;
  });
  return words;
}

/** Groups for so many, in two dimensions where one does not reach; a kernel's own check leaves out what is beyond. */
export function spread(groups: number): readonly [x: number, y: number] {
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y];
}

/** The entry of a kernel of one thread per element: `i` is the element's number, below `p.count`. */
export const perElement = (body: string): string => `
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = (group.y * groups.x + group.x) * ${THREADS}u + local;
  if (i >= p.count) { return; }
${body}
}`;

/** The entry of a kernel of one group per row: `row` is below `p.rows`, `local` the thread's number. */
export const perRow = (body: string): string => `
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= p.rows) { return; }
${body}
}`;
