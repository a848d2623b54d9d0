import { expect, it } from 'vitest'
import { sentence } from './format'

it('makes a sentence of an error', () => {
  expect(sentence('the token is wrong')).toBe('The token is wrong.')
  expect(sentence('Try again.')).toBe('Try again.')
})

it('leaves names of files and fields as they are', () => {
  expect(sentence('a.jpg: no picture')).toBe('a.jpg: no picture.')
  expect(sentence('query.limit: too large')).toBe('query.limit: too large.')
})
