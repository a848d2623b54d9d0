import { expect, test } from 'vitest'
import { pagesOf, placeOf } from './pages'

test('pages cover what is asked for, and nothing beyond the end', () => {
  expect(pagesOf([0, 5], 10, 100)).toEqual([[0, 10, 0]])
  expect(pagesOf([95, 120], 10, 98)).toEqual([[90, 98, 9]])
  expect(pagesOf([8, 21], 10, 100).map(([, , page]) => page)).toEqual([0, 1, 2])
  expect(pagesOf([-5, 5], 10, 0)).toEqual([])
})

test('places that are left out are skipped', () => {
  const all = [...'abcdefg'].filter((_, i) => ![0, 3, 4].includes(i))
  expect(all.map((_, i) => 'abcdefg'[placeOf(i, [0, 3, 4])])).toEqual(all)
  expect(placeOf(5, [])).toBe(5)
})
