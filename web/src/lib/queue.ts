/** Runs tasks, a few at a time, in the order they came. */
export class Queue {
  private readonly waiting: (() => Promise<void>)[] = []
  private running = 0

  /** @param width tasks that run at the same time. */
  constructor(private readonly width: number) {}

  /** Add a task; what it throws goes to the promise that is returned, and the others go on. */
  add<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(() => task().then(resolve, reject))
      this.next()
    })
  }

  private next(): void {
    if (this.running >= this.width) return
    const task = this.waiting.shift()
    if (task === undefined) return
    this.running += 1
    void task().finally(() => {
      this.running -= 1
      this.next()
    })
  }
}
