/** The photos that fit filters, read page by page as far as they are needed. */

import { api, message, type PhotoSummary } from '../api/client'
import { toRequest, type Filters } from './filters'

/** Photos of one page: the first comes soon, the others are few. */
const FIRST = 100, NEXT = 1000

export class Photos {
  list = $state.raw<PhotoSummary[]>([])
  total = $state(0)
  loaded = $state(false)
  error = $state('')
  private after: number | null = -1
  private busy = false
  private wanted = 0
  private readonly stop = new AbortController()

  constructor(private readonly filters: Filters) {}

  /** Read on until this many photos are known. */
  async need(count: number): Promise<void> {
    this.wanted = Math.max(this.wanted, count)
    if (this.busy || this.error) return
    this.busy = true
    try {
      while (this.after !== null && (this.list.length < this.wanted || !this.loaded)) {
        const limit = this.list.length ? NEXT : FIRST
        const page = await api.photos(toRequest(this.filters, this.after, limit), this.stop.signal)
        this.list = [...this.list, ...page.photos]
        this.total = page.total
        this.after = page.next
        this.loaded = true
      }
    } catch (error) {
      if (!this.stop.signal.aborted) this.error = message(error)
    } finally {
      this.busy = false
    }
  }

  /** Try again after an error. */
  retry(): void {
    this.error = ''
    void this.need(this.wanted)
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
