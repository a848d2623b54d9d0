import { mount } from 'svelte'
import './app.css'
import App from './App.svelte'

/** What is shown instead of a picture whose file is gone. */
const GONE = './gone.svg'
addEventListener('error', ({ target }) => {
  if (target instanceof HTMLImageElement && target.getAttribute('src') !== GONE) target.src = GONE
}, true) // errors of pictures do not bubble

mount(App, { target: document.getElementById('app')! })
