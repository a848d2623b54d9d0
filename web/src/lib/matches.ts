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
export function ends(match: Match, { first, second }: Sheet): [number, number, number, number] {
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

/** A part of the picture that is shown. */
export interface View { x: number; y: number; width: number; height: number }

/** Zoom so that the point (x, y) stays where it is; never out of the whole picture, never further in than `deepest`. */
export function zoomed(view: View, whole: Size, factor: number, x: number, y: number, deepest = 20): View {
  const width = Math.min(whole.width, Math.max(whole.width / deepest, view.width / factor))
  const ratio = width / view.width
  return inside({ x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio, width, height: view.height * ratio }, whole)
}

/** Move a view so that it shows nothing beyond the picture. */
export function inside(view: View, whole: Size): View {
  const clamp = (value: number, most: number): number => Math.min(Math.max(0, value), Math.max(0, most))
  return { ...view, x: clamp(view.x, whole.width - view.width), y: clamp(view.y, whole.height - view.height) }
}
