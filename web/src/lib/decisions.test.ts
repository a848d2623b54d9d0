import { expect, test } from 'vitest'
import { decide, nextOpen, NOTHING, read, undo, written } from './decisions'

test('steps are undone one by one, also those that changed a decision', () => {
  const one = decide(decide(decide(NOTHING, 4, 'accept'), 7, 'reject'), 4, 'reject')
  expect([...one.made]).toEqual([[4, 'reject'], [7, 'reject']])
  const two = undo(one)
  expect(two.number).toBe(4)
  expect(two.decisions.made.get(4)).toBe('accept')
  const three = undo(undo(two.decisions).decisions)
  expect(three.decisions.made.size).toBe(0)
  expect(undo(three.decisions).number).toBeNull()
})

test('the same decision twice is none', () => {
  expect(decide(decide(NOTHING, 1, 'accept'), 1, 'accept').made.size).toBe(0)
})

test('the next open item comes after this one, then from the start', () => {
  const { made } = decide(decide(NOTHING, 12, 'accept'), 13, 'reject')
  expect(nextOpen([11, 12, 13, 14], made, 0)).toBe(3)
  expect(nextOpen([11, 12, 13], made, 2)).toBe(0)
  expect(nextOpen([12, 13], made, 1)).toBe(1)
  expect(nextOpen([], made, 0)).toBe(0)
})

test('decisions survive a reload, and damage is nothing', () => {
  const made = decide(NOTHING, 3, 'reject')
  expect([...read(written(made)).made]).toEqual([...made.made])
  for (const wrong of [null, '', '{}', 'no', '[[1,"perhaps"],["2","accept"],5]']) expect(read(wrong).made.size).toBe(0)
})
