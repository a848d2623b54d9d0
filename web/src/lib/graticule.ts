/** Lines of equal latitude and longitude, where the outline of the land says nothing. */

/** Return the distance between lines in degrees, a round number, so that a span has three to eight of them. */
export function stepOf(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / 3))
  return ([5, 2, 1].find((factor) => factor * power <= span / 3) ?? 1) * power
}

/** Return the multiples of a step in a range. */
export function multiples(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step), last = Math.floor(to / step)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step)
}
