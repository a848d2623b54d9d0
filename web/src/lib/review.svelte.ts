/** The review that is looked at: its job, what it found so far, and what was decided. */

import { api, jobEvents, message, type Job, type ReviewItem, type ReviewRequest } from '../api/client'
import { decide, nextOpen, NOTHING, read, undo, written, type Decision, type Decisions } from './decisions'

const KEY = 'placeprint-review'
/** Items that one request gives. */
const PAGE = 200
const ENDED = ['done', 'failed', 'stopped']

class Review {
  job = $state.raw<Job | null>(null)
  items = $state.raw<ReviewItem[]>([])
  error = $state('')
  decisions = $state.raw<Decisions>(NOTHING)
  /** The place of the item that is shown. */
  at = $state(0)
  private events: EventSource | null = null
  /** Whether items are being read that the service has found. */
  reading = $state(false)
  private again = false

  readonly running = $derived.by(() => this.job !== null && !ENDED.includes(this.job.state))
  /** Items that can be accepted. */
  readonly open = $derived.by(() => this.items.filter(decidable))
  readonly others = $derived.by(() => this.items.filter((item) => !decidable(item)))
  readonly current = $derived.by(() => this.open[this.at])
  readonly accepted = $derived.by(() => [...this.decisions.made].filter(([, made]) => made === 'accept').map(([number]) => number))

  async start(wanted: ReviewRequest): Promise<void> {
    this.error = ''
    try {
      this.take(await api.review(wanted))
    } catch (error) {
      this.error = message(error)
    }
  }

  /** Take up the review of an earlier visit, if the service still has it. */
  async resume(): Promise<void> {
    const id = stored(KEY)
    if (this.job || !id) return
    try {
      const job = await api.job(id)
      this.take(job)
      this.decisions = read(stored(`${KEY}-${id}`))
    } catch {
      keep(KEY, '')
    }
  }

  private take(job: Job): void {
    this.close()
    this.job = job
    keep(KEY, job.id)
    this.events = new EventSource(jobEvents(job.id))
    this.events.addEventListener('progress', (event) => {
      this.job = JSON.parse((event as MessageEvent<string>).data) as Job
      if (!this.running) this.events?.close()
      void this.more()
    })
  }

  /** Read the items that are new. */
  private async more(): Promise<void> {
    if (this.reading) { this.again = true; return }
    this.reading = true
    try {
      do {
        this.again = false
        const id = this.job?.id
        if (!id) return
        const page = await api.reviewed(id, this.items.length, PAGE)
        if (id !== this.job?.id) return
        if (page.items.length) this.items = [...this.items, ...page.items]
        if (this.items.length < page.total) this.again = true
      } while (this.again)
    } catch (error) {
      this.error = message(error)
    } finally {
      this.reading = false
    }
  }

  /** Decide on the item that is shown, and go to the next open one. */
  decide(decision: Decision): void {
    const item = this.current
    if (!item) return
    this.set(decide(this.decisions, item.number, decision))
    if (this.decisions.made.has(item.number)) this.at = nextOpen(this.open.map((each) => each.number), this.decisions.made, this.at)
  }

  undo(): void {
    const { decisions, number } = undo(this.decisions)
    if (number === null) return
    this.set(decisions)
    this.at = Math.max(0, this.open.findIndex((item) => item.number === number))
  }

  move(step: number): void {
    this.at = Math.min(Math.max(0, this.at + step), Math.max(0, this.open.length - 1))
  }

  private set(decisions: Decisions): void {
    this.decisions = decisions
    if (this.job) keep(`${KEY}-${this.job.id}`, written(decisions))
  }

  async stop(): Promise<void> {
    if (this.job && this.running) await api.stopJob(this.job.id).catch(() => undefined)
  }

  /** Forget this review, so that another can begin. */
  async forget(): Promise<void> {
    await this.stop()
    if (this.job) keep(`${KEY}-${this.job.id}`, '')
    keep(KEY, '')
    this.close()
  }

  private close(): void {
    this.events?.close()
    this.job = null
    this.items = []
    this.decisions = NOTHING
    this.at = 0
    this.error = ''
  }
}

/** Return whether there is something to accept: a problem, or a position. */
export const decidable = (item: ReviewItem): boolean => item.problem !== null || item.proposal?.location != null

function stored(key: string): string | null {
  try { return localStorage.getItem(key) } catch { return null }
}
function keep(key: string, text: string): void {
  try {
    if (text) localStorage.setItem(key, text)
    else localStorage.removeItem(key)
  } catch {
    // The browser keeps nothing for this page: decisions last until it is closed.
  }
}

export const review = new Review()
