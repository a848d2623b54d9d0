/** The photos that fit filters, by their place in the list: only the parts that are looked at are read. */

import { api, message, type PhotoSummary } from '../api/client'
import { toRequest, type Filters } from './filters'
import { pagesOf } from './pages'

/** Photos that one request gives. */
const PAGE = 120

export class Photos {
  /** What is known so far, by place. */
  slots = $state.raw<ReadonlyMap<number, PhotoSummary>>(new Map())
  total = $state(0)
  loaded = $state(false)
  error = $state('')
  private busy = false
  private wanted: readonly [first: number, last: number] = [0, 0]
  /** Grows when places move, so that what was asked for before is not put at the wrong one. */
  private moves = 0
  private readonly stop = new AbortController()

  constructor(private readonly filters: Filters) {}

  /** Read the photos from one place to another, unless they are known; a later call replaces what has not begun. */
  async need(first: number, last: number): Promise<void> {
    this.wanted = [first, last]
    if (this.busy || this.error) return
    this.busy = true
    try {
      for (let page = this.missing(); page !== undefined; page = this.missing()) await this.read(page)
    } catch (error) {
      if (!this.stop.signal.aborted) this.error = message(error)
    } finally {
      this.busy = false
    }
  }

  /** Return the first page that is wanted and not known. */
  private missing(): number | undefined {
    if (!this.loaded) return Math.floor(this.wanted[0] / PAGE)
    return pagesOf(this.wanted, PAGE, this.total).find(([from, to]) => {
      for (let place = from; place < to; place += 1) if (!this.slots.has(place)) return true
      return false
    })?.[2]
  }

  private async read(page: number): Promise<void> {
    const moves = this.moves
    const found = await api.photos(toRequest(this.filters, page * PAGE, PAGE), this.stop.signal)
    if (moves !== this.moves) return
    const slots = new Map(this.slots)
    found.photos.forEach((photo, i) => slots.set(page * PAGE + i, photo))
    this.slots = slots
    // A list that became shorter meanwhile must not be asked for what it lost.
    this.total = found.photos.length || page === 0 ? found.total : Math.min(found.total, page * PAGE)
    this.loaded = true
  }

  /** Take a photo out that the atlas does not have any more. */
  drop(id: number): void {
    const at = [...this.slots].find(([, photo]) => photo.id === id)?.[0]
    if (at === undefined) return
    this.moves += 1
    this.slots = new Map([...this.slots].filter(([place]) => place !== at).map(([place, photo]) => [place > at ? place - 1 : place, photo]))
    this.total -= 1
  }

  /** Try again after an error. */
  retry(): void {
    this.error = ''
    void this.need(...this.wanted)
  }

  close(): void {
    this.stop.abort()
  }
}

let kept: { key: string; photos: Photos } | undefined

/** Return the photos that fit filters; those of the last call again if they are the same, so that going back is quick. */
export function photosFor(filters: Filters, version: number): Photos {
  const key = JSON.stringify([filters, version])
  if (kept?.key !== key) {
    kept?.photos.close()
    kept = { key, photos: new Photos(filters) }
  }
  return kept.photos
}

/** Take a removed photo out of the list that is kept. */
export const dropPhoto = (id: number): void => kept?.photos.drop(id)
