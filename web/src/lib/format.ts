/** Numbers, times and positions as people read them. */

const NUMBER = new Intl.NumberFormat('en-US')

export const count = (value: number): string => NUMBER.format(value)

/** Return a count with its noun, such as "1 photo" and "1,200 photos". */
export const counted = (value: number, noun: string, many = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : many}`

export function bytes(value: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1 }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function meters(value: number): string {
  if (value >= 10_000) return `${count(Math.round(value / 1000))} km`
  return value >= 1000 ? `${(value / 1000).toFixed(1)} km` : `${Math.max(1, Math.round(value))} m`
}

export function degrees(latitude: number, longitude: number): string {
  const part = (value: number, positive: string, negative: string): string =>
    `${Math.abs(value).toFixed(5)}° ${value < 0 ? negative : positive}`
  return `${part(latitude, 'N', 'S')}, ${part(longitude, 'E', 'W')}`
}

/** Return the camera's local time, which has no zone. */
export function localTime(iso: string): string {
  const time = new Date(iso.replace(/(Z|[+-]\d\d:\d\d)$/, ''))
  return Number.isNaN(time.getTime()) ? iso : time.toLocaleString('en-US', { dateStyle: 'medium', timeStyle: 'short' })
}

export const seconds = (value: number): string => (value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`)

/** Return words with a capital letter and a full stop; a word with a dot or a slash in it is a name, and stays. */
export function sentence(words: string): string {
  const capital = /^\p{Ll}[\p{L}'-]*[ ,;]/u.test(words) ? words.charAt(0).toUpperCase() + words.slice(1) : words
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`
}
