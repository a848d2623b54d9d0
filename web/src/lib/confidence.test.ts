import { expect, it } from 'vitest'
import { confidenceWords, pairWords, percent } from './confidence'

it('says how sure an answer is in plain words', () => {
  expect(confidenceWords(true, 0.97)).toEqual({ text: 'Very likely', tone: 'good' })
  expect(confidenceWords(true, 0.85).text).toBe('Likely')
  expect(confidenceWords(true, 0.55)).toEqual({ text: 'Possible', tone: 'warn' })
  expect(confidenceWords(true, null).text).toBe('Confirmed by geometry')
})

it('never calls an answer likely that was not accepted', () => {
  expect(confidenceWords(false, 0.99)).toEqual({ text: 'Not sure', tone: 'warn' })
  expect(confidenceWords(false, 0.2)).toEqual({ text: 'Not in the atlas', tone: 'plain' })
  expect(confidenceWords(false, null).text).toBe('Not in the atlas')
})

it('says whether two photos show the same place', () => {
  expect(pairWords('not confirmed', 0.05)).toBe('Probably not the same place: 5 % sure that it is')
  expect(pairWords('same place', null)).toBe('The same place')
  expect(pairWords('same place', 0.995)).toBe('The same place: more than 99 % sure that it is')
})

it('never claims certainty', () => {
  expect(['0.97', '0.995', '1', '0.002', '0'].map((p) => percent(Number(p)))).toEqual(
    ['97 %', '> 99 %', '> 99.9 %', '< 1 %', '0 %'],
  )
})
