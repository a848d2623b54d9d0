import { expect, test } from 'vitest'
import { heatColor, heatPixels } from './heat'

test('nothing is transparent, and more is brighter and more opaque', () => {
  expect(heatColor(0)[3]).toBe(0)
  const light = ([r, g, b]: number[]): number => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  let last = heatColor(0)
  for (let level = 1; level <= 255; level += 1) {
    const now = heatColor(level)
    expect(now[3]).toBeGreaterThanOrEqual(last[3])
    expect(light(now)).toBeGreaterThanOrEqual(light(last) - 1)
    last = now
  }
  expect(last.slice(0, 3)).toEqual([252, 255, 164])
  expect(heatColor(999)).toEqual(last)
})

test('each cell is one pixel, row by row', () => {
  const pixels = heatPixels({ width: 2, height: 2, levels: [0, 255, 0, 128] })
  expect([...pixels].filter((_, i) => i % 4 === 3).map((a) => a > 0)).toEqual([false, true, false, true])
})
