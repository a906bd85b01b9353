// A few asynchronous tasks at a time; the first failure stops the rest.

/**
 * Run `work` on what `next` hands out, `width` at a time, until it hands out nothing.
 *
 * @param work - also told the number of its worker, below `width`, for what a worker keeps to itself
 * @throws what the first failing task threw, after the tasks under way have ended, so that nothing runs on unseen
 */
export async function drain<T>(width: number, next: () => T | undefined, work: (task: T, worker: number) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const worker = async (number: number) => {
    while (failures.length === 0) {
      const task = next();
      if (task === undefined) return;
      try {
        await work(task, number);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, (_, number) => worker(number)));
  if (failures.length > 0) throw failures[0];
}

/**
 * @param limit - tasks under way at once
 * @returns results in the items' order
 * @throws as `drain`
 */
export async function inParallel<T, R>(items: readonly T[], limit: number, task: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const entries = items.entries();
  const next = () => entries.next().value;
  await drain(Math.min(limit, items.length), next, async ([index, item]) => {
    results[index] = await task(item, index);
  });
  return results;
}
