/** The outline of the land: Natural Earth, from world-atlas, as the pages of the package have it. */

import type { MultiPolygon } from 'geojson'
import url from '../../../src/placeprint/pages/outlines/land.json?url'

let loaded: Promise<MultiPolygon> | undefined

/** Return the land as one GeoJSON geometry; it is fetched once. */
export function landShapes(): Promise<MultiPolygon> {
  loaded ??= fetch(url).then((response) => response.json() as Promise<MultiPolygon>)
  loaded.catch(() => { loaded = undefined })
  return loaded
}
