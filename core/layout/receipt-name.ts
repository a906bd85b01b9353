// The receipt's file name, which layouts must not take for a stray file. Its content is engine/receipt.ts's.

export const RECEIPT_NAME = "weighbridge.receipt.json";
