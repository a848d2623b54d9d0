import { expect, it } from 'vitest'
import { layout, visible } from './grid'

it('fills the width with square tiles', () => {
  const found = layout(1000, 100_000, 180, 8)
  expect(found.columns).toBe(5)
  expect(found.columns * found.tile + 4 * 8).toBeCloseTo(1000)
  expect(found.height).toBeCloseTo(20_000 * (found.tile + 8) - 8)
  expect(layout(300, 3, 180, 8).columns).toBe(2)
})

it('draws few of 100,000 tiles, wherever the window is', () => {
  const total = 100_000, grid = layout(1000, total, 180, 8)
  for (const top of [-200, 0, 5e5, grid.height - 800, grid.height + 1e6]) {
    const part = visible(grid, total, 8, top, 800)
    expect(part.last - part.first).toBeLessThan(100)
    expect(part.first % grid.columns).toBe(0)
    expect(part.first).toBeLessThan(total)
  }
})

it('covers the whole window', () => {
  const grid = layout(1000, 1000, 180, 8), row = grid.tile + 8
  const part = visible(grid, 1000, 8, 3210, 800, 0)
  expect(part.offset).toBeLessThanOrEqual(3210)
  expect((part.last / grid.columns) * row).toBeGreaterThanOrEqual(3210 + 800)
})

it('draws nothing of an empty grid', () => {
  const part = visible(layout(1000, 0, 180, 8), 0, 8, 0, 800)
  expect([part.first, part.last, part.offset]).toEqual([0, 0, 0])
})
