/** The photos that the user asked about, and their answers, the newest first. */

import { api, message, type Candidate, type Location, type Matches, type SearchAnswer, type WhyAnswer } from '../api/client'
import { atlas } from './atlas.svelte'
import { heatPicture } from './heat'
import { Queue } from './queue'

/** Two photos beside each other; sizes are those that the matches are counted in. */
export interface Comparison { candidate: Candidate; matches: Matches; width: number; height: number; otherWidth: number; otherHeight: number }

export class Ask {
  state = $state<'waiting' | 'running' | 'done' | 'failed'>('waiting')
  answer = $state.raw<SearchAnswer | null>(null)
  error = $state('')
  place = $state('')
  location = $state.raw<Location | null>(null)
  /** Whether the position was asked for; there may be none. */
  located = $state(false)
  why = $state.raw<WhyAnswer | null>(null)
  whyError = $state('')
  /** Where the evidence is in the photo and in the best photo of the atlas: pictures to lay over them. */
  heat = $state.raw<{ first: string; second: string } | null>(null)
  private asked = false
  chosen = $state(0)
  comparisons = $state.raw<ReadonlyMap<number, Comparison>>(new Map())
  compareError = $state('')
  readonly url: string

  constructor(readonly id: number, readonly file: File) {
    this.url = URL.createObjectURL(file)
  }

  async run(): Promise<void> {
    this.state = 'running'
    try {
      const answer = await api.search(this.file)
      this.answer = answer
      this.state = 'done'
      const [best] = answer.candidates
      if (best && answer.matches) this.keep(0, comparison(answer, best, answer.matches))
    } catch (error) {
      this.error = message(error, this.file.name)
      this.state = 'failed'
    }
  }

  /** Ask for the place and its position, which the page shows when they come; an atlas may have none. */
  async find(): Promise<void> {
    try {
      if (!this.answer?.found || !atlas.summary?.num_located) return
      const located = await api.locate(this.file)
      this.location = located.location
      this.place = located.place?.title ?? ''
    } catch {
      // Presets without probabilities locate nothing; the answer of the search stands.
    } finally {
      this.located = true
    }
  }

  /** Ask why, once; the reasons are shown when they come. */
  async explain(): Promise<void> {
    if (this.asked || !this.answer?.candidates.length) return
    this.asked = true
    try {
      const why = await api.explain(this.file)
      this.why = why
      if (why.contributions) {
        this.heat = { first: heatPicture(why.contributions.query), second: heatPicture(why.contributions.photo) }
      }
    } catch (error) {
      this.whyError = message(error)
    }
  }

  /** Compare the photo with one of the candidates. */
  async choose(number: number): Promise<void> {
    this.chosen = number
    this.compareError = ''
    const candidate = this.answer?.candidates[number]
    if (!candidate || !this.answer || this.comparisons.has(number)) return
    try {
      const other = await api.image(candidate.photo.id)
      const [size, found] = await Promise.all([createImageBitmap(other), api.match(this.file, other)])
      this.keep(number, {
        ...comparison(this.answer, candidate, found.matches), otherWidth: size.width, otherHeight: size.height,
      })
    } catch (error) {
      if (this.chosen === number) this.compareError = message(error)
    }
  }

  private keep(number: number, found: Comparison): void {
    this.comparisons = new Map([...this.comparisons, [number, found]])
  }
}

function comparison(answer: SearchAnswer, candidate: Candidate, matches: Matches): Comparison {
  const { width, height } = candidate.photo
  return { candidate, matches, width: answer.width, height: answer.height, otherWidth: width, otherHeight: height }
}

class Asks {
  list = $state.raw<Ask[]>([])
  current = $state(-1)
  private readonly queue = new Queue(2)
  private readonly places = new Queue(1)
  private last = 0

  add(files: File[]): void {
    const fresh = files.map((file) => new Ask(++this.last, file))
    this.list = [...this.list, ...fresh]
    this.current = this.list.length - fresh.length
    for (const ask of fresh) {
      void this.queue.add(() => ask.run()).then(() => this.places.add(() => ask.find()))
    }
  }

  remove(ask: Ask): void {
    const at = this.list.indexOf(ask)
    URL.revokeObjectURL(ask.url)
    this.list = this.list.filter((each) => each !== ask)
    if (this.current > at || this.current >= this.list.length) this.current -= 1
    if (this.list.length && this.current < 0) this.current = 0
  }
}

export const asks = new Asks()
