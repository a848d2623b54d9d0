import { describe, expect, it } from 'vitest'
import { affineFit, apply, cssMatrix, keepsWhole, overlayMap, type Matrix, type Point } from './homography'

const H: Matrix = [[1.1, 0.2, 30], [-0.1, 0.9, 12], [1e-4, 2e-4, 1]]

/** What a browser does with matrix3d: columns first, and a division by w. */
function browser(css: string, [x, y]: Point): Point {
  const v = css.slice('matrix3d('.length, -1).split(',').map(Number) as number[]
  const w = v[3]! * x + v[7]! * y + v[15]!
  return [(v[0]! * x + v[4]! * y + v[12]!) / w, (v[1]! * x + v[5]! * y + v[13]!) / w]
}

describe('homographies', () => {
  it('draws points where the matrix says, times the scale', () => {
    for (const point of [[0, 0], [640, 0], [333, 217]] as Point[]) {
      const [x, y] = apply(H, point)
      const [left, top] = browser(cssMatrix(H, 0.5), point)
      expect(left).toBeCloseTo(x / 2, 6)
      expect(top).toBeCloseTo(y / 2, 6)
    }
  })

  it('knows maps that tear or mirror a photo', () => {
    expect(keepsWhole(H, 640, 480)).toBe(true)
    expect(keepsWhole([[1, 0, 0], [0, 1, 0], [-1 / 300, 0, 1]], 640, 480)).toBe(false)
    expect(keepsWhole([[-1, 0, 640], [0, 1, 0], [0, 0, 1]], 640, 480)).toBe(false)
  })

  it('fits an affine map to matches exactly if there is one', () => {
    const map: Matrix = [[0.8, -0.3, 5], [0.3, 0.7, -9], [0, 0, 1]]
    const points: Point[] = [[0, 0], [100, 3], [7, 90], [64, 55]]
    const fit = affineFit(points.map((p) => [...p, ...apply(map, p)]))!
    fit.forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(map[i]![j]!, 8)))
  })

  it('fits nothing to points on a line', () => {
    expect(affineFit([[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]])).toBeNull()
    expect(affineFit([])).toBeNull()
  })

  it('never lays a fundamental matrix over a photo', () => {
    const matches = [[0, 0, 1, 1], [9, 0, 10, 1], [0, 9, 1, 10]]
    expect(overlayMap('homography', H, matches, 640, 480)).toEqual({ map: H, rough: false })
    expect(overlayMap('fundamental', H, matches, 640, 480)?.rough).toBe(true)
    expect(overlayMap('none', null, [], 640, 480)).toBeNull()
  })
})
