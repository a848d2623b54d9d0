import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [svelte()],
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
