// How every report begins.

/** By which a file is known to be one of ours, and may be replaced. ASCII. */
export const REPORT_START = "<!doctype html>\n<!-- weighbridge report -->\n";
