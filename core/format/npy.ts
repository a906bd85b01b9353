// NumPy's .npy, version 1.0, for float32 matrices. Source: numpy/lib/format.py.

const MAGIC = "\x93NUMPY\x01\x00";
const ALIGNMENT = 64;

/** The bytes before the data of a row-major little-endian float32 array. */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefixLength = MAGIC.length + 2;
  const length = Math.ceil((prefixLength + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT - prefixLength;
  const bytes = Buffer.alloc(prefixLength + length, " ");
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt16LE(length, MAGIC.length);
  bytes.write(dictionary, prefixLength, "latin1");
  bytes.write("\n", bytes.length - 1, "latin1");
  return bytes;
}
