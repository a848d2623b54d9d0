/** Where the evidence is: levels on a coarse grid, as a picture that is laid over a photo. */

import type { Heat } from '../api/client'

type Color = readonly [red: number, green: number, blue: number]
/** From little to much: dark violet, red, orange, light yellow. */
const RAMP: readonly Color[] = [[40, 11, 84], [139, 34, 100], [214, 72, 54], [249, 149, 28], [252, 255, 164]]
/** Opacity of the most evidence. */
const OPAQUE = 0.88

/** Return the color of a level from 0 to 255, with its opacity. */
export function heatColor(level: number): [number, number, number, number] {
  const share = Math.min(1, Math.max(0, level / 255))
  const at = share ** 0.7 * (RAMP.length - 1)
  const low = RAMP[Math.floor(at)] ?? [0, 0, 0], high = RAMP[Math.ceil(at)] ?? low
  const mixed = (i: 0 | 1 | 2): number => Math.round(low[i] + (high[i] - low[i]) * (at % 1))
  return [mixed(0), mixed(1), mixed(2), Math.round(255 * OPAQUE * Math.sqrt(share))]
}

/** Return the pixels of a picture with one pixel for each cell: red, green, blue, opacity. */
export function heatPixels(heat: Heat): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(heat.width * heat.height * 4)
  heat.levels.slice(0, heat.width * heat.height).forEach((level, i) => pixels.set(heatColor(level), 4 * i))
  return pixels
}

/** Return the address of that picture; browsers smooth it when it is enlarged. */
export function heatPicture(heat: Heat): string {
  const canvas = document.createElement('canvas')
  canvas.width = heat.width
  canvas.height = heat.height
  canvas.getContext('2d')?.putImageData(new ImageData(heatPixels(heat), heat.width, heat.height), 0, 0)
  return canvas.toDataURL()
}
