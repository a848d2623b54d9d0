/** The REST API of the service, with the types of its OpenAPI document. */

import { sentence } from '../lib/format'
import type { components } from './schema'

type Schemas = components['schemas']
export type AtlasSummary = Schemas['AtlasSummary']
export type Candidate = Schemas['Candidate']
export type GroupPage = Schemas['GroupPage']
export type Heat = Schemas['Heat']
export type Job = Schemas['Job']
export type Keypoints = Schemas['Keypoints']
export type LocateAnswer = Schemas['LocateAnswer']
export type Location = Schemas['Location']
export type MapPoints = Schemas['FeatureCollection']
export type MatchAnswer = Schemas['MatchAnswer']
export type Matches = Schemas['Matches']
export type Place = Schemas['Place']
export type PhotoPage = Schemas['PhotoPage']
export type PhotoSummary = Schemas['PhotoSummary']
export type ReviewItem = Schemas['ReviewItem']
export type ReviewPage = Schemas['ReviewPage']
export type ReviewRequest = Partial<Schemas['ReviewRequest']> & Pick<Schemas['ReviewRequest'], 'kind'>
export type SearchAnswer = Schemas['SearchAnswer']
export type WhyAnswer = Schemas['WhyAnswer']

/** What the service refused, in its words. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message)
  }
}

/** Times that a busy service is asked again. */
const TRIES = 5
const listeners: (() => void)[] = []

/** Tell when the service asks for a token. */
export const onSignedOut = (listener: () => void): void => void listeners.push(listener)

async function send(path: string, init: RequestInit = {}, tries = TRIES): Promise<Response> {
  let response: Response
  try {
    response = await fetch(`.${path}`, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ApiError(0, 'The service does not answer. Check that it runs, and try again.')
  }
  if (response.ok) return response
  if (response.status === 503 && tries > 1) {
    const wait = Number(response.headers.get('Retry-After') ?? 2)
    await new Promise((resolve) => setTimeout(resolve, wait * 1000))
    return send(path, init, tries - 1)
  }
  if (response.status === 401 && path !== '/v1/session') listeners.forEach((listener) => listener())
  throw new ApiError(response.status, await detail(response))
}

async function detail(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as Partial<Schemas['Problem']>
    if (problem.detail) return problem.detail
  } catch {
    // Not the service's own words: a proxy in front of it may have answered.
  }
  return `The service answered with status ${response.status}.`
}

const read = async <T>(path: string, init?: RequestInit): Promise<T> => (await (await send(path, init)).json()) as T

const json = (body: unknown): RequestInit =>
  ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })

function form(fields: Record<string, Blob | string>): RequestInit {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') body.append(name, value)
    else body.append(name, value, value instanceof File ? value.name : 'photo.jpg')
  }
  return { method: 'POST', body }
}

/** A photo to ask about: a file, or the id of a photo of the atlas. */
export type Asked = File | number
const asked = (what: Asked): Record<string, Blob | string> =>
  typeof what === 'number' ? { photo_id: String(what) } : { photo: what }

export const api = {
  atlas: () => read<AtlasSummary>('/v1/atlas'),
  search: (what: Asked) => read<SearchAnswer>('/v1/search?top=6', form(asked(what))),
  /** Photos of the atlas that look like one of them; photos of one atlas are seldom rotated against each other. */
  neighbors: (id: number) => read<SearchAnswer>('/v1/search?top=12&verify=12&rotations=false', form(asked(id))),
  locate: (what: Asked) => read<LocateAnswer>('/v1/locate?top=1', form(asked(what))),
  explain: (what: Asked) => read<WhyAnswer>('/v1/explain', form(asked(what))),
  match: (first: Blob, second: Blob) => read<MatchAnswer>('/v1/match', form({ first, second })),
  photos: (query: string, signal?: AbortSignal) => read<PhotoPage>(`/v1/photos?${query}`, signal ? { signal } : {}),
  groups: (by: string, offset: number) => read<GroupPage>(`/v1/groups?by=${by}&offset=${offset}`),
  place: (id: string) => read<Place>(`/v1/places/${encodeURIComponent(id)}`),
  photo: (id: number) => read<PhotoSummary>(`/v1/photos/${id}`),
  keypoints: (id: number) => read<Keypoints>(`/v1/photos/${id}/keypoints`),
  image: async (id: number): Promise<Blob> => (await send(`/v1/photos/${id}/image`)).blob(),
  map: (zoom: number, box = '-180,-90,180,90') => read<MapPoints>(`/v1/map?zoom=${zoom}&box=${encodeURIComponent(box)}`),
  add: (photo: File) => read<Schemas['Added']>('/v1/photos', form({ photo })),
  remove: (id: number) => send(`/v1/photos/${id}`, { method: 'DELETE' }),
  index: (root: string, folder: string) => read<Job>('/v1/jobs', json({ root, folder })),
  folders: async (root: string, folder: string): Promise<string[]> =>
    (await read<Schemas['Folders']>(`/v1/folders?${new URLSearchParams({ root, folder })}`)).folders,
  job: (id: string) => read<Job>(`/v1/jobs/${id}`),
  stopJob: (id: string) => send(`/v1/jobs/${id}`, { method: 'DELETE' }),
  review: (wanted: ReviewRequest) => read<Job>('/v1/reviews', json(wanted)),
  reviewed: (id: string, offset: number, limit: number) =>
    read<ReviewPage>(`/v1/reviews/${id}?offset=${offset}&limit=${limit}`),
  accepted: async (id: string, numbers: number[]): Promise<Blob> =>
    (await send(`/v1/reviews/${id}/table`, json({ numbers }))).blob(),
  signIn: (token: string) => send('/v1/session', json({ token })),
  signOut: () => send('/v1/session', { method: 'DELETE' }),
}

export const thumbnail = (id: number): string => `./v1/photos/${id}/thumbnail`
export const image = (id: number): string => `./v1/photos/${id}/image`
export const reviewImage = (id: string, number: number, small = false): string =>
  `./v1/reviews/${id}/items/${number}/image${small ? '?small=true' : ''}`
export const jobEvents = (id: string): string => `./v1/jobs/${id}/events`

/** Return what went wrong as a sentence; the name of the file that it is about may be left out, where it is shown. */
export function message(error: unknown, file = ''): string {
  const said = error instanceof Error ? error.message : String(error)
  return sentence(file && said.startsWith(`${file}: `) ? said.slice(file.length + 2) : said)
}
