import { expect, it } from 'vitest'
import { multiples, stepOf } from './graticule'

it('has three to eight lines in any span', () => {
  for (let span = 1e-4; span < 360; span *= 1.37) {
    const lines = multiples(13.19, 13.19 + span, stepOf(span)).length
    expect(lines).toBeGreaterThanOrEqual(2)
    expect(lines).toBeLessThanOrEqual(8)
  }
})

it('has lines at round numbers', () => {
  expect(stepOf(1)).toBeCloseTo(0.2)
  expect(stepOf(100)).toBe(20)
  expect(multiples(-1.5, 1.5, 1)).toEqual([-1, 0, 1])
})
