/** The filters of the grid, in the address of the page and in requests. */

export interface Filters {
  name: string
  folder: string
  /** Days, such as "2026-05-31", in the camera's local time; both are included. */
  since: string
  until: string
  /** "LATITUDE,LONGITUDE,METERS"; while it is written, some may be empty. */
  near: string
  /** The id of a place. */
  place: string
  /** The way of grouping whose groups the photos are not in. */
  ungrouped: string
}
export const NONE: Filters = { name: '', folder: '', since: '', until: '', near: '', place: '', ungrouped: '' }
const KEYS = Object.keys(NONE) as (keyof Filters)[]

/** Read filters from the address of the page. */
export function fromAddress(query: URLSearchParams): Filters {
  const found = { ...NONE }
  for (const key of KEYS) found[key] = query.get(key) ?? ''
  return found
}

/** Return the address of the grid with these filters. */
export function toAddress(filters: Filters): string {
  const set = { ...filters, near: whole(filters.near) }
  const query = new URLSearchParams(KEYS.filter((key) => set[key].trim()).map((key) => [key, set[key].trim()]))
  return query.size ? `browse?${query}` : 'browse'
}

/** Meters around a position where none are said. */
export const AROUND = '200'

/** Return the latitude, longitude and meters as they are written. */
export function partsOf(near: string): [latitude: string, longitude: string, meters: string] {
  const [latitude = '', longitude = '', meters = ''] = near.split(',')
  return [latitude, longitude, meters]
}

/** Return a circle as the service reads it, or nothing while its center is not known. */
function whole(near: string): string {
  const [latitude, longitude, meters] = partsOf(near).map((part) => part.trim())
  return latitude && longitude ? [latitude, longitude, meters || AROUND].join(',') : ''
}

/** Return the query of some photos: those from a place in the list on. */
export function toRequest(filters: Filters, offset: number, limit: number): string {
  const query = new URLSearchParams({ offset: String(offset), limit: String(limit) })
  for (const key of KEYS) {
    const value = filters[key].trim()
    if (!value) continue
    const time = { since: `${value}T00:00:00`, until: `${value}T23:59:59` }[key as string]
    query.set(key, time ?? value)
  }
  return query.toString()
}

export const anyOf = (filters: Filters): boolean => KEYS.some((key) => filters[key].trim() !== '')
