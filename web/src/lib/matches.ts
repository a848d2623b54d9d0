/** Matches (x, y, x', y') in pixels of two photos that are drawn in one picture. */

export type Match = readonly number[]

/** A photo in the picture: its corner and how much larger than its pixels it is drawn. */
export interface Pane { x: number; y: number; scale: number; width: number; height: number }
export interface Sheet { width: number; height: number; first: Pane; second: Pane }
interface Size { width: number; height: number }

/** Units of the picture along the side that both photos share. */
const SIDE = 1000

/** Put two photos beside each other with one height, or below each other with one width. */
export function sheet(first: Size, second: Size, stacked: boolean, gap = 20): Sheet {
  const scaled = (size: Size): number => SIDE / (stacked ? size.width : size.height)
  const pane = (size: Size, x: number, y: number): Pane => {
    const scale = scaled(size)
    return { x, y, scale, width: size.width * scale, height: size.height * scale }
  }
  const one = pane(first, 0, 0)
  const two = stacked ? pane(second, 0, one.height + gap) : pane(second, one.width + gap, 0)
  return stacked
    ? { width: SIDE, height: two.y + two.height, first: one, second: two }
    : { width: two.x + two.width, height: SIDE, first: one, second: two }
}

/** Return both ends of a match in the picture: x, y, x', y'. */
export function ends(match: Match, { first, second }: Pick<Sheet, 'first' | 'second'>): [number, number, number, number] {
  const [x = 0, y = 0, u = 0, v = 0] = match
  return [first.x + x * first.scale, first.y + y * first.scale, second.x + u * second.scale, second.y + v * second.scale]
}

/** Return the number of the match with an end nearest to a point and closer than `reach`, or -1. */
export function nearest(lines: readonly (readonly number[])[], x: number, y: number, reach: number): number {
  let best = -1, least = reach * reach
  lines.forEach(([x1 = 0, y1 = 0, x2 = 0, y2 = 0], i) => {
    const away = Math.min((x1 - x) ** 2 + (y1 - y) ** 2, (x2 - x) ** 2 + (y2 - y) ** 2)
    if (away < least) { least = away; best = i }
  })
  return best
}

/** Return at most `most` of some matches, evenly chosen. */
export function sampled<T>(matches: readonly T[], most: number): T[] {
  if (matches.length <= most) return [...matches]
  return Array.from({ length: most }, (_, i) => matches[Math.floor((i * matches.length) / most)] as T)
}

/** How closely both photos are looked at: how much larger, and which point of each pane is in its middle, from 0 to 1. */
export interface Zoom { factor: number; first: Point; second: Point }
export type Point = readonly [x: number, y: number]

/** The largest factor. */
const DEEPEST = 20

/** Return the pane as it is drawn when it is zoomed: larger than the frame around it, which cuts it. */
export function closer(frame: Pane, factor: number, [x, y]: Point): Pane {
  const [width, height] = [frame.width * factor, frame.height * factor]
  return { x: frame.x + frame.width / 2 - x * width, y: frame.y + frame.height / 2 - y * height, scale: frame.scale * factor, width, height }
}

/** Zoom both photos so that a point of each stays where it is; null when all of them is seen. */
export function zoomed(zoom: Zoom, by: number, first: Point, second: Point): Zoom | null {
  const factor = Math.min(DEEPEST, zoom.factor * by)
  const kept = (middle: Point, at: Point): Point => {
    const ratio = zoom.factor / factor
    return [at[0] + (middle[0] - at[0]) * ratio, at[1] + (middle[1] - at[1]) * ratio]
  }
  return factor <= 1 ? null : inside({ factor, first: kept(zoom.first, first), second: kept(zoom.second, second) })
}

/** Move the middles so that nothing beyond the photos is shown. */
export function inside({ factor, first, second }: Zoom): Zoom {
  const half = 0.5 / factor
  const clamp = (value: number): number => Math.min(1 - half, Math.max(half, value))
  return { factor, first: [clamp(first[0]), clamp(first[1])], second: [clamp(second[0]), clamp(second[1])] }
}

/** Return the median point of one end of some matches, from 0 to 1; the middle if there are none. */
export function middle(matches: readonly Match[], end: 0 | 2, size: Size): Point {
  const median = (axis: number, whole: number): number => {
    const values = matches.map((match) => match[axis] ?? 0).sort((a, b) => a - b)
    return values.length ? (values[values.length >> 1] ?? 0) / whole : 0.5
  }
  return [median(end, size.width), median(end + 1, size.height)]
}

/** Return whether a point of the picture is in a pane. */
export const within = (pane: Pane, x: number, y: number): boolean =>
  x >= pane.x && x <= pane.x + pane.width && y >= pane.y && y <= pane.y + pane.height
