import { expect, it } from 'vitest'
import { Queue } from './queue'

it('runs a few tasks at a time, in their order', async () => {
  const queue = new Queue(2)
  const begun: number[] = []
  let running = 0, most = 0
  const results = await Promise.all([0, 1, 2, 3, 4].map((n) => queue.add(async () => {
    begun.push(n)
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running -= 1
    return n * 10
  })))
  expect(results).toEqual([0, 10, 20, 30, 40])
  expect(begun).toEqual([0, 1, 2, 3, 4])
  expect(most).toBe(2)
})

it('goes on after a task that failed', async () => {
  const queue = new Queue(1)
  const failed = queue.add(() => Promise.reject(new Error('broken')))
  const after = queue.add(() => Promise.resolve('fine'))
  await expect(failed).rejects.toThrow('broken')
  expect(await after).toBe('fine')
})
