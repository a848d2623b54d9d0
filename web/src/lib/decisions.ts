/** What somebody decided of the items of a review, and the way back. */

export type Decision = 'accept' | 'reject'
interface Step { number: number; before: Decision | undefined }

/** Decisions by the number of the item, and the steps that led there, the last one last. */
export interface Decisions { readonly made: ReadonlyMap<number, Decision>; readonly steps: readonly Step[] }
export const NOTHING: Decisions = { made: new Map(), steps: [] }

/** Decide on an item, or take a decision back; the same decision twice is none. */
export function decide({ made, steps }: Decisions, number: number, decision: Decision): Decisions {
  const next = new Map(made)
  const before = made.get(number)
  if (before === decision) next.delete(number)
  else next.set(number, decision)
  return { made: next, steps: [...steps, { number, before }] }
}

/** Undo the last step; returns the item that it was about, or null if there is none. */
export function undo({ made, steps }: Decisions): { decisions: Decisions; number: number | null } {
  const last = steps.at(-1)
  if (!last) return { decisions: { made, steps }, number: null }
  const back = new Map(made)
  if (last.before === undefined) back.delete(last.number)
  else back.set(last.number, last.before)
  return { decisions: { made: back, steps: steps.slice(0, -1) }, number: last.number }
}

/** Return the place of the next item that is open, after `at` and then from the start; `at` itself if none is. */
export function nextOpen(numbers: readonly number[], made: ReadonlyMap<number, Decision>, at: number): number {
  for (let step = 1; step <= numbers.length; step += 1) {
    const place = (at + step) % numbers.length
    const number = numbers[place]
    if (number !== undefined && !made.has(number)) return place
  }
  return at
}

/** Return decisions as text that `read` understands. */
export const written = ({ made }: Decisions): string => JSON.stringify([...made])

/** Read what `written` wrote; nothing of what is damaged. */
export function read(text: string | null): Decisions {
  try {
    const pairs: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(pairs)) return NOTHING
    const fitting = pairs.filter((each): each is [number, Decision] =>
      Array.isArray(each) && Number.isInteger(each[0]) && (each[1] === 'accept' || each[1] === 'reject'))
    return { made: new Map(fitting), steps: [] }
  } catch {
    return NOTHING
  }
}
