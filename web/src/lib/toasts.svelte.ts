/** Short notices at the bottom, some with one action. */

export interface Toast { id: number; text: string; action?: { label: string; run: () => void } }

class Toasts {
  list = $state<Toast[]>([])
  private last = 0

  /** Show a notice for some seconds; `ended` runs if it was not acted on. */
  show(text: string, options: { action?: Toast['action']; seconds?: number; ended?: () => void } = {}): void {
    const id = ++this.last
    const close = (): void => { this.list = this.list.filter((each) => each.id !== id) }
    const timer = setTimeout(() => { close(); options.ended?.() }, (options.seconds ?? 5) * 1000)
    const toast: Toast = { id, text }
    if (options.action) {
      const { label, run } = options.action
      toast.action = { label, run: () => { clearTimeout(timer); close(); run() } }
    }
    this.list.push(toast)
  }
}

export const toasts = new Toasts()
