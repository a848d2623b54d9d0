/** Ways to look at the photos in groups. */

import { NONE, toAddress } from './filters'

export const WAYS = [
  { by: '', text: 'All' },
  { by: 'place', text: 'Places' },
  { by: 'month', text: 'Months' },
  { by: 'folder', text: 'Folders' },
] as const
export type By = Exclude<(typeof WAYS)[number]['by'], ''>

/** What the photos are that are in no group. */
export const LEFT: Record<By, string> = {
  place: 'without another of the same place', month: 'without a time', folder: 'in no folder',
}

/** Return the way that the address of the page names. */
export const wayOf = (name: string | null): By | null => {
  const found = WAYS.find((way) => way.by === name)
  return found && found.by ? found.by : null
}

/** Return the address of the photos of a group. */
export function addressOf(by: By, key: string): string {
  if (by === 'place') return toAddress({ ...NONE, place: key })
  if (by === 'folder') return toAddress({ ...NONE, folder: key })
  const [year = 0, month = 1] = key.split('-').map(Number)
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate()
  return toAddress({ ...NONE, since: `${key}-01`, until: `${key}-${String(last).padStart(2, '0')}` })
}
