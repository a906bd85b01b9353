// Element types by their safetensors codes, and their sizes. Casting between them is cast.ts's.

const ITEM_SIZE = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** A safetensors dtype code of whole bytes per element. */
export type DType = keyof typeof ITEM_SIZE;

/** Bytes per element. */
export const itemSize = (dtype: DType): number => ITEM_SIZE[dtype];

export const isDType = (code: unknown): code is DType => typeof code === "string" && Object.hasOwn(ITEM_SIZE, code);

/** What PyTorch, and so config.json and config.yaml, call the dtypes that weights come in. */
const TORCH_NAME: Partial<Record<DType, string>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
};

export const torchName = (dtype: DType): string | undefined => TORCH_NAME[dtype];
