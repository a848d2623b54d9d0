import { readFileSync, readdirSync } from 'node:fs'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** What the page is made of besides its own source. */
const MADE_OF = ['@fontsource-variable/inter', 'fflate', 'leaflet', 'pmtiles', 'svelte']

/** Writes the licenses of the packages that the page is made of beside it. */
const licenses: Plugin = {
  name: 'licenses',
  generateBundle() {
    const source = MADE_OF.map(licenseOf).join('\n\n')
    this.emitFile({ type: 'asset', fileName: 'licenses.txt', source })
  },
}

function licenseOf(name: string): string {
  const folder = `node_modules/${name}`
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Record<string, string>
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
  const text = file ? readFileSync(`${folder}/${file}`, 'utf8').trim() : ''
  return `${name} ${version} (${license})\n\n${text}`.trim()
}

export default defineConfig({
  plugins: [svelte(), licenses],
  base: './',
  build: {
    outDir: '../src/placeprint/service/page',
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy allows no fonts or scripts in data URLs
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8100' } },
  test: { include: ['src/**/*.test.ts'] },
})
