/** What the atlas holds, whether a token is needed, and which photos are being removed. */

import { api, ApiError, message, onSignedOut, type AtlasSummary } from '../api/client'
import { dropPhoto } from './photos.svelte'
import { toasts } from './toasts.svelte'

/** Seconds in which a removal can be undone. */
const UNDO = 6

class Atlas {
  summary = $state.raw<AtlasSummary | null>(null)
  error = $state('')
  locked = $state(false)
  /** How often photos were added here. */
  version = $state(0)
  private leaving = $state(0)
  /** The number of photos without those whose removal can still be undone. */
  readonly shown = $derived.by(() => (this.summary ? this.summary.num_photos - this.leaving : null))
  /** Ids of photos that were removed here, also of those whose removal can still be undone. */
  removed = $state.raw<ReadonlySet<number>>(new Set())

  constructor() {
    onSignedOut(() => { this.locked = true })
  }

  async load(): Promise<void> {
    try {
      this.summary = await api.atlas()
      this.locked = false
      this.error = ''
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) this.error = message(error)
    }
  }

  /** Forget the cookie of this browser, and ask for the token again. */
  async signOut(): Promise<void> {
    try {
      await api.signOut()
      this.locked = true
      this.summary = null
    } catch (error) {
      toasts.show(message(error))
    }
  }

  /** Note that photos were added. */
  async grow(): Promise<void> {
    this.version += 1
    await this.load()
  }

  /** Hide a photo, and remove it from the atlas when the time for undo is over. */
  remove(id: number, name: string): void {
    this.removed = new Set([...this.removed, id])
    this.leaving += 1
    const back = (): void => {
      this.removed = new Set([...this.removed].filter((each) => each !== id))
      this.leaving -= 1
    }
    const ended = async (): Promise<void> => {
      try {
        await api.remove(id)
      } catch (error) {
        back()
        toasts.show(`${name} was not removed: ${message(error)}`)
        return
      }
      dropPhoto(id)
      await this.load()
      this.leaving -= 1
    }
    toasts.show(`Removed ${name}`, { seconds: UNDO, action: { label: 'Undo', run: back }, ended: () => void ended() })
  }
}

export const atlas = new Atlas()
