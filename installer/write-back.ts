/** Something that brings files to the disk while more are written, one at a time; what it ends with is kept until somebody asks. */
export class WriteBack {
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** It runs, or went wrong and nobody has heard of it yet: starting it once more would be of no use. */
  get isBusy(): boolean {
    return this.#running !== undefined || this.#failure !== undefined;
  }

  /** Starts it and returns; what it throws is told by end(). */
  start(work: () => Promise<void>): void {
    this.#running = work()
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => (this.#running = undefined));
  }

  /** Resolves when nothing runs. @throws what went wrong since the last call: the system tells an error of writing only once */
  async end(): Promise<void> {
    await this.#running;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}
