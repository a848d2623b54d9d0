import { expect, it } from 'vitest'
import { apart, boxOf, pinSize } from './world'

const bounds = (west: number, south: number, east: number, north: number) =>
  ({ getWest: () => west, getSouth: () => south, getEast: () => east, getNorth: () => north })

it('asks for what is seen', () => {
  expect(boxOf(bounds(13.1, 55.6, 13.3, 55.8))).toBe('13.100000,55.600000,13.300000,55.800000')
})

it('asks for the whole world where the map repeats', () => {
  expect(boxOf(bounds(-300, -95, 300, 95))).toBe('-180.000000,-90.000000,180.000000,90.000000')
})

it('crosses the date line', () => {
  expect(boxOf(bounds(170, -10, 190, 10))).toBe('170.000000,-10.000000,-170.000000,10.000000')
  expect(boxOf(bounds(-200, -10, -170, 10))).toBe('160.000000,-10.000000,-170.000000,10.000000')
})

it('has larger pins for more photos', () => {
  expect([1, 9, 10, 12345].map(pinSize)).toEqual([18, 31, 38, 59])
})

it('joins pins that would lie over each other', () => {
  const pin = (x: number, count: number, ...photos: number[]) => ({ x, y: 0, count, photos })
  expect(apart([pin(0, 1, 1), pin(30, 3, 2, 3, 4), pin(100, 1, 5)], 50)).toEqual([pin(22.5, 4, 2, 3, 4, 1), pin(100, 1, 5)])
})
