/** Where in the page the user is: `#/view/id?key=value`. */

import { tick } from 'svelte'

export const VIEWS = ['ask', 'browse', 'map', 'review', 'add', 'compare', 'photo'] as const
export type View = (typeof VIEWS)[number]
export interface Route { view: View; id: number | null; query: URLSearchParams }

/** Read the part of an address behind the "#". */
export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?')
  const [name, id] = path.split('/')
  const view = VIEWS.find((each) => each === name) ?? 'ask'
  const number = id !== undefined && /^\d{1,18}$/.test(id) ? Number(id) : null
  return { view: view === 'photo' && number === null ? 'browse' : view, id: number, query: new URLSearchParams(query) }
}

class Router {
  route = $state.raw<Route>(parse(''))

  private readonly left = new Map<string, number>()
  private hash = ''

  start(): void {
    history.scrollRestoration = 'manual'
    addEventListener('hashchange', () => {
      const before = this.route
      this.left.set(this.hash, scrollY)
      this.read()
      const { view, id } = this.route
      if (view !== before.view || id !== before.id) void tick().then(() => scrollTo(0, this.left.get(this.hash) ?? 0))
    })
    this.read()
  }

  private read(): void {
    this.hash = location.hash
    this.route = parse(this.hash)
  }

  go(to: string): void {
    location.hash = `#/${to}`
  }
}

export const router = new Router()
