/** A confidence in plain words. */

export interface Words {
  /** Such as "Very likely". */
  text: string
  tone: 'good' | 'warn' | 'plain'
}

/** An answer that was not accepted is at least named as a guess from this probability on. */
const PERHAPS = 0.5

/** Return the words for a probability from 0 to 1, or for an answer without one (a preset that gives none). */
export function confidenceWords(found: boolean, probability: number | null): Words {
  if (!found && (probability ?? 0) >= PERHAPS) return { text: 'Not sure', tone: 'warn' }
  if (!found) return { text: 'Not in the atlas', tone: 'plain' }
  if (probability === null) return { text: 'Confirmed by geometry', tone: 'good' }
  if (probability >= 0.95) return { text: 'Very likely', tone: 'good' }
  if (probability >= 0.8) return { text: 'Likely', tone: 'good' }
  return { text: 'Possible', tone: 'warn' }
}

/** Return a probability as a percentage that never claims certainty. */
export function percent(probability: number): string {
  if (probability > 0.99 && probability < 1) return probability > 0.999 ? '> 99.9 %' : '> 99 %'
  if (probability >= 1) return '> 99.9 %'
  if (probability > 0 && probability < 0.01) return '< 1 %'
  return `${Math.round(probability * 100)} %`
}

/** Return whether a pair of photos shows the same place, in plain words. */
export function pairWords(verdict: keyof typeof VERDICTS, probability: number | null): string {
  const words = {
    'same place': 'The same place', possible: 'Perhaps the same place', 'not confirmed': 'Probably not the same place',
    'not verified': 'Not compared',
  }[verdict]
  return probability === null ? words : `${words}: ${percentWords(probability)} sure that it is`
}

/** Return a probability as a percentage within a sentence. */
export const percentWords = (probability: number): string => percent(probability).replace('> ', 'more than ').replace('< ', 'less than ')

/** The verdict on a pair of photos in words. */
export const VERDICTS = {
  'same place': { text: 'Same place', tone: 'good' },
  possible: { text: 'Possible', tone: 'warn' },
  'not confirmed': { text: 'Not confirmed', tone: 'plain' },
  'not verified': { text: 'Not compared', tone: 'plain' },
} as const
