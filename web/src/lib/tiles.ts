/** Tiles that lie under the map, if the service has them; the outline of the land stays where they are missing. */

import type * as Leaflet from 'leaflet'
import type { AtlasSummary } from '../api/client'

export type Tiles = NonNullable<AtlasSummary['tiles']>
/** Zoom up to which tiles are enlarged. */
const DEEPEST = 20
/** Zoom of the finest tiles that most servers have. */
const FINEST = 19
/** Kinds of PMTiles that are pictures: PNG, JPEG, WebP, AVIF. */
const PICTURES = [2, 3, 4, 5]

/** Return text that has no meaning as HTML, from a credit that may be HTML. */
export function credit(text: string): string {
  const plain = new DOMParser().parseFromString(text, 'text/html').body.textContent ?? ''
  return plain.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/**
 * Return the layer of the tiles.
 *
 * @throws Error: the file cannot be read, or has no pictures.
 */
export async function tileLayer(tiles: Tiles, L: typeof Leaflet): Promise<Leaflet.GridLayer> {
  const options = { maxZoom: DEEPEST, className: 'tiles' }
  if (tiles.kind === 'xyz') {
    // The host learns where this page is, which the rules of many such services ask for, but no more.
    return L.tileLayer(tiles.url, { ...options, maxNativeZoom: FINEST, referrerPolicy: 'origin' })
  }
  const { leafletRasterLayer, PMTiles } = await import('pmtiles')
  const archive = new PMTiles(new URL(tiles.url, document.baseURI).href)
  const { tileType, minZoom, maxZoom } = await archive.getHeader()
  if (!PICTURES.includes(tileType)) throw new Error('they are vectors, and this map shows pictures')
  const { attribution } = (await archive.getMetadata().catch(() => ({}))) as { attribution?: unknown }
  return leafletRasterLayer(archive, {
    ...options, minNativeZoom: minZoom, maxNativeZoom: maxZoom,
    attribution: typeof attribution === 'string' ? credit(attribution) : '',
  }) as Leaflet.GridLayer
}
