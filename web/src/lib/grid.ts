/** Which tiles of a long grid are drawn: only those that can be seen, and a few rows around them. */

export interface Layout { columns: number; tile: number; height: number }
export interface Part { first: number; last: number; offset: number }

/** Return how a grid of square tiles fills a width. All in pixels. */
export function layout(width: number, total: number, wanted: number, gap: number): Layout {
  const columns = Math.max(2, Math.round((width + gap) / (wanted + gap)))
  const tile = Math.max(1, (width - gap * (columns - 1)) / columns)
  return { columns, tile, height: Math.max(0, Math.ceil(total / columns) * (tile + gap) - gap) }
}

/**
 * Return the tiles to draw, from `first` up to and without `last`, and the offset of their first row.
 *
 * @param top where the window begins in the grid; it may be negative.
 */
export function visible({ columns, tile }: Layout, total: number, gap: number, top: number, window: number, extra = 3): Part {
  const row = tile + gap
  const from = Math.max(0, Math.floor(top / row) - extra)
  const to = Math.max(from, Math.ceil((top + window) / row) + extra)
  const first = Math.min(from * columns, Math.floor(Math.max(0, total - 1) / columns) * columns)
  return { first, last: Math.min(total, Math.max(first, to * columns)), offset: (first / columns) * row }
}
