/** What the map asks for and how its pins look. */

interface Bounds { getWest(): number; getSouth(): number; getEast(): number; getNorth(): number }

/** Return the box of a part of the map as the service takes it: WEST,SOUTH,EAST,NORTH in degrees. */
export function boxOf(bounds: Bounds): string {
  const south = Math.max(-90, bounds.getSouth()), north = Math.min(90, bounds.getNorth())
  let west = bounds.getWest(), east = bounds.getEast()
  if (east - west >= 360) { west = -180; east = 180 } else { west = wrapped(west); east = wrapped(east) }
  return [west, south, east, north].map((value) => value.toFixed(6)).join(',')
}

/** Return a longitude between -180 and 180. */
const wrapped = (longitude: number): number => (Math.abs(longitude) <= 180 ? longitude : ((((longitude + 180) % 360) + 360) % 360) - 180)

/** Return the diameter of a pin in pixels: it grows with the digits of its count. */
export const pinSize = (photos: number): number => (photos === 1 ? 18 : 24 + 7 * String(photos).length)

/** Photos that are one pin, and where it is in pixels. */
export interface Pin { x: number; y: number; count: number; photos: number[] }

/** Join pins that would lie over each other, the smaller to the larger; a joined pin is at their mean. */
export function apart(pins: readonly Pin[], pixels: number): Pin[] {
  const kept: Pin[] = []
  for (const pin of [...pins].sort((a, b) => b.count - a.count)) {
    const over = kept.find((other) => Math.hypot(other.x - pin.x, other.y - pin.y) < pixels)
    if (!over) { kept.push({ ...pin }); continue }
    const count = over.count + pin.count
    over.x = (over.x * over.count + pin.x * pin.count) / count
    over.y = (over.y * over.count + pin.y * pin.count) / count
    over.photos = [...over.photos, ...pin.photos]
    over.count = count
  }
  return kept
}
