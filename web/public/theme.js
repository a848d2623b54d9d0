// Before the first paint: the theme that was chosen.
try {
  const theme = localStorage.getItem('placeprint-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // The browser keeps nothing for this page: the theme of the system is used.
}
