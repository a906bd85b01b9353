// Several asynchronous workers over one supply of tasks.

/**
 * Run `work` on what `next` hands out, `width` at a time, until it hands out nothing. The first failure ends the supply; it is
 * thrown once every worker has stopped, so that nothing runs on unseen.
 */
export async function inParallel<T>(
  width: number,
  next: () => T | undefined,
  work: (task: T, worker: number) => Promise<void>,
): Promise<void> {
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
