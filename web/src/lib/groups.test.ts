import { expect, test } from 'vitest'
import { addressOf, wayOf } from './groups'

test('a month ends with its last day', () => {
  expect(addressOf('month', '2024-02')).toBe('browse?since=2024-02-01&until=2024-02-29')
  expect(addressOf('month', '2025-12')).toBe('browse?since=2025-12-01&until=2025-12-31')
})

test('folders and places are filters', () => {
  expect(addressOf('folder', 'a b/c')).toBe('browse?folder=a+b%2Fc')
  expect(addressOf('place', 'f00')).toBe('browse?place=f00')
})

test('unknown ways are none', () => {
  expect(wayOf('place')).toBe('place')
  for (const name of ['', 'color', null]) expect(wayOf(name)).toBeNull()
})
