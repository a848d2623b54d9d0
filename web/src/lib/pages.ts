/** Parts of a long list. */

/** Return the pages that hold the places from `first` up to `last`: where each begins and ends, and its number. */
export function pagesOf([first, last]: readonly [number, number], size: number, total: number): [number, number, number][] {
  const pages: [number, number, number][] = []
  for (let page = Math.floor(Math.max(0, first) / size); page * size < Math.min(last, total); page += 1) {
    pages.push([page * size, Math.min(total, (page + 1) * size), page])
  }
  return pages
}

/** Return the place in the whole list of the one that is the `shown`-th when some places, ascending, are left out. */
export function placeOf(shown: number, leftOut: readonly number[]): number {
  let place = shown
  for (const out of leftOut) if (out <= place) place += 1
  return place
}
