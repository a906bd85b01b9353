// The trial's results as README.md shows them: a table of the catalogue's 22 faults, and the counts.

import { formatFigure } from "../../../core/format/figure.js";
import { FAULT_NAMES } from "../../helpers/faults/catalogue.js";
import type { AlarmCount } from "./alarms.js";
import type { FalseNames, Named } from "./doctor.js";
import { frameworkNote, type Row } from "./kill.js";
import type { Subject } from "./models.js";
import type { Smallest } from "./smallest.js";
import type { Check } from "./trials.js";

export interface Results {
  readonly subjects: readonly Pick<Subject, "name" | "targets">[];
  /** What the WebGPU executor ran on. */
  readonly gpu: string;
  readonly rows: readonly Row[];
  readonly alarms: AlarmCount & { readonly models: number };
  readonly smallest: readonly Smallest[];
  /** By the bundled model, and by all. */
  readonly named: { readonly bundled: readonly Named[]; readonly all: readonly Named[] };
  readonly falseNames: FalseNames;
  /** Processor, cores, seconds. */
  readonly taken: string;
}

const [START, END] = ["<!-- npm run mutants -- --write -->", "<!-- end -->"];

/** @throws {Error} the text has no place for it */
export function withBlock(text: string, block: string): string {
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`expected ${START} and after it ${END}`);
  return `${text.slice(0, start)}${START}\n${block}\n${text.slice(end)}`;
}

/** @returns the block that is there; undefined when there is none */
export function blockIn(text: string): string | undefined {
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  return start < 0 || end < start ? undefined : text.slice(start + START.length, end).trim();
}

const HEADER = ["", "fault", "forms", "parameters", "predictions", "framework", "WebGPU", "doctor", "not counted"];

export function blockOf(results: Results): string {
  const ids = [...new Set(results.rows.map(({ fault }) => fault.id))];
  const lines = [HEADER, HEADER.map(() => "---"), ...ids.map((id) => tableRow(id, results))];
  return [...lines.map((cells) => `| ${cells.join(" | ")} |`), "", ...summary(results)].join("\n");
}

function tableRow(id: string, { rows, named: { bundled } }: Results): string[] {
  const forms = rows.filter(({ fault }) => fault.id === id);
  const notes = forms.flatMap((row) => [
    row.fault.elsewhere,
    row.fault.unseen === undefined ? undefined : `predictions: ${row.fault.unseen}`,
    frameworkNote(row.fault),
  ]);
  const told = [...new Set(notes.filter((note) => note !== undefined && note !== ""))];
  return [
    id,
    FAULT_NAMES[id] ?? "",
    String(forms.length),
    ...(["parameters", "exact", "framework", "webgpu"] as const).map((check) => share(forms, check)),
    doctorsWord(bundled.find((each) => each.id === id)),
    told.join("; "),
  ];
}

function share(forms: readonly Row[], check: Check): string {
  const [caught, of] = [total(forms, check, "caught"), total(forms, check, "of")];
  return of === 0 ? "–" : `${caught}/${of}`;
}

const total = (rows: readonly Row[], check: Check, key: "caught" | "of"): number =>
  rows.reduce((sum, { tallies }) => sum + tallies[check][key], 0);

function doctorsWord(named: Named | undefined): string {
  if (named === undefined) return "–";
  const { of, named: right, ambiguous, others } = named;
  return ambiguous === 0 ? `${right}/${of}` : `${right}/${of}, else it or ${others.join(" or ")}`;
}

const always = (named: readonly Named[]): number => named.filter((each) => each.named === each.of).length;
const failures = (named: readonly Named[]): number => named.reduce((sum, each) => sum + each.failures.length, 0);

function summary({ subjects, gpu, rows, alarms, smallest, named, falseNames, taken }: Results): string[] {
  const verdicts = (["parameters", "exact", "framework", "webgpu"] as const).reduce((sum, check) => sum + total(rows, check, "of"), 0);
  const wrong = rows.reduce((sum, { survivors }) => sum + survivors.length, 0);
  const places = subjects.map(({ name, targets }) => `${name} (${targets.map((target) => target.name).join("; ")})`);
  return [
    `- ${verdicts} verdicts on faults, ${wrong} wrong. In ${places.join(", ")}. The WebGPU executor on ${gpu}, exact numerics, in some of these.`,
    `- ${alarms.conversions} right conversions of ${alarms.models} random models, ${alarms.verdicts} verdicts: ${alarms.alarms.length} false alarms.`,
    `- F19: the smallest change of one element that 512 predictions catch, of the tensor's rms, bundled model in float32: ${smallest.map(smallestWords).join(", ")}. Parameters catch one bit.`,
    `- Doctor: ${always(named.bundled)} of ${named.bundled.length} named in every form and place of the bundled model, ${always(named.all)} of ${named.all.length} in every model; ${failures(named.all)} times another name or none. Of ${falseNames.conversions} right conversions, ${falseNames.damages} damages that are in no catalogue and ${falseNames.composites} pairs of faults at once, ${falseNames.found.length} were given a fault's name that is not there.`,
    `- ${taken}`,
  ];
}

const smallestWords = ({ tensor, rms, change }: Smallest): string =>
  `${tensor.replace(/^model\.|\.weight$/g, "")} ${change === undefined ? "none" : formatFigure(change / rms)}`;
