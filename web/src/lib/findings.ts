/** What can be wrong with a photo, in words. */

import type { ReviewItem } from '../api/client'

export type Kind = NonNullable<ReviewItem['problem']>['finding']

/** `needs`: it needs a preset that gives probabilities. */
export const KINDS: readonly { kind: Kind; title: string; needs: boolean }[] = [
  { kind: 'wrong-position', title: 'Wrong position', needs: true },
  { kind: 'wrong-time', title: 'Wrong time', needs: false },
  { kind: 'same-file', title: 'Same file twice', needs: false },
  { kind: 'same-shot', title: 'Same shot twice', needs: false },
  { kind: 'rotated', title: 'Rotated', needs: true },
  { kind: 'unreadable', title: 'Unreadable', needs: false },
  { kind: 'alone', title: 'Shows no known place', needs: true },
]

/** Why no position can be proposed in an atlas without any. */
export const NO_POSITIONS = {
  icon: 'map', title: 'No photo of the atlas has a position',
  words: 'A position is proposed from photos of the same place that have one. Add photos with positions first.',
} as const

export const titleOf = (kind: Kind): string => KINDS.find((each) => each.kind === kind)?.title ?? kind
