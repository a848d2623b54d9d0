/** Where in the page the user is: `#/view/id?key=value`. */

export const VIEWS = ['ask', 'browse', 'map', 'add', 'compare', 'photo'] as const
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

  start(): void {
    const read = (): void => { this.route = parse(location.hash) }
    addEventListener('hashchange', read)
    read()
  }

  go(to: string): void {
    location.hash = `#/${to}`
  }
}

export const router = new Router()
