import { expect, it } from 'vitest'
import { parse } from './router.svelte'

it('reads addresses', () => {
  expect(parse('#/photo/12')).toMatchObject({ view: 'photo', id: 12 })
  expect(parse('#/browse?name=a').query.get('name')).toBe('a')
})

it('shows something for every address', () => {
  expect(parse('').view).toBe('ask')
  expect(parse('#/nothing').view).toBe('ask')
  expect(parse('#/photo/x').view).toBe('browse')
  expect(parse('#/photo/-1').view).toBe('browse')
})
