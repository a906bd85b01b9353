// Measured figures in text: two digits, and no row of zeros.

/** `0.00014` as `1.4e-4`, `0.29` as it is. */
export const formatFigure = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2);
