// WebGPU's constants, which the package keeps behind its own `globals`. The specification fixes their values.

export const USAGE = {
  mapRead: 0x1,
  mapWrite: 0x2,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;
export const MAP = { read: 0x1, write: 0x2 } as const;
