/** Maps between two photos: 3 x 3, applied to (x, y, 1) in pixels. */

export type Matrix = readonly (readonly number[])[]
export type Point = readonly [number, number]

const at = (m: Matrix, row: number, column: number): number => m[row]?.[column] ?? 0

/** Return where a point lands. */
export function apply(m: Matrix, [x, y]: Point): Point {
  const w = at(m, 2, 0) * x + at(m, 2, 1) * y + at(m, 2, 2)
  return [
    (at(m, 0, 0) * x + at(m, 0, 1) * y + at(m, 0, 2)) / w,
    (at(m, 1, 0) * x + at(m, 1, 1) * y + at(m, 1, 2)) / w,
  ]
}

/** Return the CSS transform of an element of the size of the first photo, on the second one drawn `scale` times as large. */
export function cssMatrix(m: Matrix, scale: number): string {
  const s = (row: number): number => (row < 2 ? scale : 1)
  const column = (c: number): number[] => [at(m, 0, c) * s(0), at(m, 1, c) * s(1), 0, at(m, 2, c)]
  return `matrix3d(${[...column(0), ...column(1), 0, 0, 1, 0, ...column(2)].map(decimal).join(', ')})`
}

/** CSS reads exponents, but not "NaN" or "Infinity". */
const decimal = (value: number): string => (Number.isFinite(value) ? String(value) : '0')

/** Return whether a map keeps a photo of this size in one piece: the horizon does not cross it, and it is not mirrored. */
export function keepsWhole(m: Matrix, width: number, height: number): boolean {
  const corners: Point[] = [[0, 0], [width, 0], [width, height], [0, height]]
  const depths = corners.map(([x, y]) => at(m, 2, 0) * x + at(m, 2, 1) * y + at(m, 2, 2))
  if (!(depths.every((w) => w > 1e-9) || depths.every((w) => w < -1e-9))) return false
  const area = polygonArea(corners.map((corner) => apply(m, corner)))
  return Number.isFinite(area) && area > 0
}

function polygonArea(points: Point[]): number {
  return points.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length] ?? [0, 0]
    return sum + (x * nextY - nextX * y) / 2
  }, 0)
}

/**
 * Return the affine map that fits matches (x, y, x', y') best in the least squares sense, or null if they do not determine
 * one. It stands in where two-view geometry gives no map between the pictures, such as a fundamental matrix.
 */
export function affineFit(matches: readonly (readonly number[])[]): Matrix | null {
  if (matches.length < 3) return null
  const mean = (column: number): number => matches.reduce((sum, row) => sum + (row[column] ?? 0), 0) / matches.length
  const [mx, my, mu, mv] = [mean(0), mean(1), mean(2), mean(3)]
  let xx = 0, xy = 0, yy = 0, xu = 0, yu = 0, xv = 0, yv = 0
  for (const row of matches) {
    const x = (row[0] ?? 0) - mx, y = (row[1] ?? 0) - my, u = (row[2] ?? 0) - mu, v = (row[3] ?? 0) - mv
    xx += x * x; xy += x * y; yy += y * y; xu += x * u; yu += y * u; xv += x * v; yv += y * v
  }
  const det = xx * yy - xy * xy
  if (!(Math.abs(det) > 1e-9 * (xx + yy) ** 2)) return null
  const a = (xu * yy - yu * xy) / det, b = (yu * xx - xu * xy) / det
  const c = (xv * yy - yv * xy) / det, d = (yv * xx - xv * xy) / det
  return [[a, b, mu - a * mx - b * my], [c, d, mv - c * mx - d * my], [0, 0, 1]]
}

/** Return the map that an overlay uses, and whether it is only roughly right; null if there is none. */
export function overlayMap(
  model: string, transform: Matrix | null, matches: readonly (readonly number[])[], width: number, height: number,
): { map: Matrix; rough: boolean } | null {
  const exact = transform !== null && !/fundamental|essential|none/.test(model)
  if (exact && keepsWhole(transform, width, height)) return { map: transform, rough: false }
  const fit = affineFit(matches)
  return fit !== null && keepsWhole(fit, width, height) ? { map: fit, rough: true } : null
}
