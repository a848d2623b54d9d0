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
