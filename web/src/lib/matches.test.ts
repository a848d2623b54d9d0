import { expect, it } from 'vitest'
import { closer, ends, inside, middle, nearest, sampled, sheet, within, zoomed } from './matches'

const landscape = { width: 400, height: 200 }, portrait = { width: 300, height: 600 }

it('puts photos of different sizes beside each other with one height', () => {
  const side = sheet(landscape, portrait, false, 10)
  expect([side.width, side.height]).toEqual([2000 + 10 + 500, 1000])
  expect(ends([400, 200, 0, 0], side)).toEqual([2000, 1000, 2010, 0])
})

it('puts them below each other with one width', () => {
  const below = sheet(landscape, portrait, true, 10)
  expect([below.width, below.height]).toEqual([1000, 500 + 10 + 2000])
  expect(ends([0, 0, 300, 600], below)).toEqual([0, 0, 1000, 2510])
})

it('finds the match under the pointer, at either end', () => {
  const lines = [[0, 0, 100, 0], [10, 0, 200, 0]]
  expect(nearest(lines, 8, 1, 5)).toBe(1)
  expect(nearest(lines, 101, 2, 5)).toBe(0)
  expect(nearest(lines, 50, 50, 5)).toBe(-1)
})

it('zooms each photo about a point of it, and not out of it', () => {
  const whole = { factor: 1, first: [0.5, 0.5], second: [0.5, 0.5] } as const
  const near = zoomed(whole, 2, [0.25, 0.5], [0.5, 0.75])
  expect(near).toEqual({ factor: 2, first: [0.375, 0.5], second: [0.5, 0.625] })
  expect(near && zoomed(near, 0.4, [0.25, 0.5], [0.5, 0.5])).toBeNull()
  expect(zoomed(whole, 1e6, [0, 0], [1, 1])).toMatchObject({ factor: 20, first: [0.025, 0.025] })
  expect(inside({ factor: 2, first: [0, 0.5], second: [1, 0.3] })).toEqual({ factor: 2, first: [0.25, 0.5], second: [0.75, 0.3] })
})

it('draws a point where the zoom puts it', () => {
  const frame = { x: 10, y: 0, scale: 2, width: 200, height: 100 }
  const pane = closer(frame, 4, [0.25, 0.5])
  expect([pane.x + 0.25 * pane.width, pane.y + 0.5 * pane.height, pane.scale]).toEqual([110, 50, 8])
  expect([within(frame, 10, 100), within(frame, 211, 50)]).toEqual([true, false])
})

it('finds the middle of the matches in each photo', () => {
  const matches = [[40, 20, 0, 0], [80, 180, 30, 60], [90, 100, 300, 600]]
  expect([middle(matches, 0, landscape), middle(matches, 2, portrait)]).toEqual([[0.2, 0.5], [0.1, 0.1]])
  expect(middle([], 0, landscape)).toEqual([0.5, 0.5])
})

it('samples evenly', () => {
  expect(sampled([0, 1, 2, 3, 4, 5], 3)).toEqual([0, 2, 4])
  expect(sampled([1, 2], 3)).toEqual([1, 2])
})
