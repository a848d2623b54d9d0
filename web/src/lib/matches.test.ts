import { expect, it } from 'vitest'
import { ends, inside, nearest, sampled, sheet, zoomed } from './matches'

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

it('zooms about a point, and not out of the picture', () => {
  const whole = { width: 100, height: 50 }, all = { x: 0, y: 0, ...whole }
  const near = zoomed(all, whole, 2, 25, 10)
  expect(near).toEqual({ x: 12.5, y: 5, width: 50, height: 25 })
  expect(zoomed(near, whole, 0.1, 25, 10)).toEqual(all)
  expect(zoomed(all, whole, 1e6, 0, 0).width).toBe(5)
  expect(inside({ x: 90, y: -5, width: 50, height: 25 }, whole)).toEqual({ x: 50, y: 0, width: 50, height: 25 })
})

it('samples evenly', () => {
  expect(sampled([0, 1, 2, 3, 4, 5], 3)).toEqual([0, 2, 4])
  expect(sampled([1, 2], 3)).toEqual([1, 2])
})
