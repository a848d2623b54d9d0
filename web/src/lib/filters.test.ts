import { expect, it } from 'vitest'
import { anyOf, fromAddress, NONE, partsOf, toAddress, toRequest } from './filters'

const filters = { ...NONE, name: ' tower & bridge ', since: '2026-05-01', until: '2026-05-31', near: '55.7,13.19,200' }

it('survives the way through the address', () => {
  const address = toAddress(filters)
  expect(fromAddress(new URLSearchParams(address.split('?')[1]))).toEqual({ ...filters, name: 'tower & bridge' })
  expect(toAddress(NONE)).toBe('browse')
})

it('asks the service for whole days', () => {
  const query = new URLSearchParams(toRequest(filters, 41, 500))
  expect(Object.fromEntries(query)).toEqual({
    offset: '41', limit: '500', name: 'tower & bridge', near: '55.7,13.19,200',
    since: '2026-05-01T00:00:00', until: '2026-05-31T23:59:59',
  })
})

it('leaves out a circle without a center, and gives one a size', () => {
  expect(toAddress({ ...NONE, near: '55.7,,200' })).toBe('browse')
  expect(fromAddress(new URLSearchParams(toAddress({ ...NONE, near: '55.7, 13.19,' }).split('?')[1])).near).toBe('55.7,13.19,200')
  expect(partsOf('55.7,')).toEqual(['55.7', '', ''])
})

it('knows whether anything is filtered', () => {
  expect([anyOf(filters), anyOf(NONE), anyOf({ ...NONE, name: '  ' })]).toEqual([true, false, false])
})
