/** The colors: those of the system unless the user chose. `public/theme.js` applies the choice before the first paint. */

type Choice = 'light' | 'dark'
const KEY = 'placeprint-theme'

class Theme {
  private readonly system = matchMedia('(prefers-color-scheme: dark)')
  dark = $state(this.isDark())

  constructor() {
    this.system.addEventListener('change', () => { this.dark = this.isDark() })
  }

  toggle(): void {
    const choice: Choice = this.dark ? 'light' : 'dark'
    document.documentElement.dataset.theme = choice
    this.dark = choice === 'dark'
    try {
      localStorage.setItem(KEY, choice)
    } catch {
      // The browser keeps nothing for this page: the choice holds until it is closed.
    }
  }

  private isDark(): boolean {
    const chosen = document.documentElement.dataset.theme
    return chosen ? chosen === 'dark' : this.system.matches
  }
}

export const theme = new Theme()
