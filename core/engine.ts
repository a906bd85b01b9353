// The engine as a program meets it: one method per command.

import type { Plugin } from "./architecture/declaration.js";
import { checkedPlugin, readPlugin } from "./architecture/load.js";
import { inject, injectable } from "./di.js";
import { type ConvertResult, convert } from "./engine/convert.js";
import type { ConvertOptions } from "./engine/convert-options.js";
import { type DeviceReport, devices } from "./engine/devices.js";
import type { DoctorOptions, DoctorReport } from "./engine/doctor.js";
import type { InferOptions, InferReport } from "./engine/infer.js";
import { type InspectOptions, type InspectReport, inspect } from "./engine/inspect.js";
import type { Context } from "./engine/open.js";
import { type PlanReport, plan } from "./engine/plan.js";
import { type PredictOptions, type PredictReport, predict } from "./engine/predict.js";
import type { PlanOptions } from "./engine/prepared.js";
import { verifyAndReport } from "./engine/report.js";
import { type VerifyReport, verify } from "./engine/verify.js";
import type { VerifyOptions } from "./engine/verify-options.js";
import type { ExecutorProvider } from "./executor/executor.js";
import type { FamilyForwards } from "./forward/forward.js";
import type { Layout } from "./layout/layout.js";
import type { Registry } from "./registry.js";
import type { Reporter } from "./reporter.js";
import type { Store } from "./store/store.js";
import { EXECUTORS, FORWARDS, LAYOUTS, PLUGINS, REPORTER, STORE } from "./tokens.js";

export interface Engine {
  /**
   * Write a checkpoint in another layout or topology. The destination appears complete and compared, or not at all.
   *
   * @param source - a Hugging Face or Nanotron folder; a Nanotron run's folder means its latest step
   * @param destination - the new checkpoint folder itself
   * @throws {WeighbridgeError} whatever is wrong with the source, the request or the disk; the destination is then as it was
   */
  convert(source: string, destination: string, options: ConvertOptions): Promise<ConvertResult>;
  /**
   * Compile and prove what a conversion would do, and what it would cost. Reads headers and configs only.
   *
   * @throws {WeighbridgeError} whatever would stop the conversion
   */
  plan(source: string, options: PlanOptions): Promise<PlanReport>;
  /**
   * What a checkpoint is and whether anything is wrong with it. Reads headers and configs only.
   *
   * @throws {UsageError | CheckpointError | FormatError} nothing there that could be described
   */
  inspect(path: string, options?: InspectOptions): Promise<InspectReport>;
  /**
   * Compare two checkpoints, whatever their layouts and topologies.
   *
   * @throws {UsageError | CheckpointError | FormatError} either folder cannot be read at all
   * @throws {UsageError | StorageError} the report asked for cannot be written where it should be; an earlier one is then as it was
   */
  verify(a: string, b: string, options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Why a checkpoint is not what its original is: where the two differ, and which known fault of conversions accounts for all of it.
   *
   * @param a - the original, believed right
   * @param b - the checkpoint suspected
   * @throws {UsageError | CheckpointError | FormatError} either folder cannot be read at all
   */
  doctor(a: string, b: string, options?: DoctorOptions): Promise<DoctorReport>;
  /**
   * A model's next-token predictions, by its own framework's forward.
   *
   * @throws {UsageError} no tokenizer for a text, a prompt too short or too long, an id or position out of range
   * @throws {ExecutorError} the executor asked for cannot run here
   */
  predict(path: string, options?: PredictOptions): Promise<PredictReport>;
  /** The executors there are, in the order of `auto`, and what each would run on here. */
  devices(): Promise<readonly DeviceReport[]>;
  /** The architecture plugins there are, completed from their families. */
  plugins(): readonly Plugin[];
  /**
   * Check a plugin folder's declaration, and complete it from its family. It is not added.
   *
   * @throws {UsageError} no plugin.yaml there; {DeclarationError} with every problem found
   */
  checkPlugin(folder: string): Plugin;
  /**
   * Draft a plugin from two checkpoints of one model: the mapping is found by content, checked, and proven on the two.
   *
   * @param huggingface - a Hugging Face folder
   * @param nanotron - a Nanotron folder of the same model
   * @throws {UsageError | CheckpointError | FormatError} nothing was written
   */
  inferPlugin(huggingface: string, nanotron: string, options?: InferOptions): Promise<InferReport>;
}

@injectable()
export class WeighbridgeEngine implements Engine {
  private readonly context: Context;

  constructor(
    @inject(STORE) store: Store,
    @inject(LAYOUTS) layouts: Registry<Layout>,
    @inject(PLUGINS) plugins: Registry<Plugin>,
    @inject(EXECUTORS) executors: Registry<ExecutorProvider>,
    @inject(FORWARDS) forwards: Registry<FamilyForwards>,
    @inject(REPORTER) reporter: Reporter,
  ) {
    this.context = { store, layouts, plugins, executors, forwards, reporter };
  }

  convert(source: string, destination: string, options: ConvertOptions): Promise<ConvertResult> {
    return convert(this.context, source, destination, options);
  }

  plan(source: string, options: PlanOptions): Promise<PlanReport> {
    return plan(this.context, source, options);
  }

  inspect(path: string, options: InspectOptions = {}): Promise<InspectReport> {
    return inspect(this.context, path, options);
  }

  verify(a: string, b: string, options: VerifyOptions = {}): Promise<VerifyReport> {
    return options.report === undefined
      ? verify(this.context, a, b, options)
      : verifyAndReport(this.context, a, b, options.report, options);
  }

  async doctor(a: string, b: string, options: DoctorOptions = {}): Promise<DoctorReport> {
    const { doctor } = await import("./engine/doctor.js"); // most runs need none of it, nor wait for its modules
    return doctor(this.context, a, b, options);
  }

  predict(path: string, options: PredictOptions = {}): Promise<PredictReport> {
    return predict(this.context, path, options);
  }

  devices(): Promise<readonly DeviceReport[]> {
    return devices(this.context);
  }

  plugins(): readonly Plugin[] {
    return this.context.plugins.all();
  }

  checkPlugin(folder: string): Plugin {
    return checkedPlugin(readPlugin(folder, folder), this.context.plugins, this.context.layouts.names());
  }

  async inferPlugin(huggingface: string, nanotron: string, options: InferOptions = {}): Promise<InferReport> {
    const { infer } = await import("./engine/infer.js");
    return infer(this.context, huggingface, nanotron, options);
  }
}
