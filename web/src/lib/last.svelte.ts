/** Where the user left the grid, so that a photo's page leads back there. */
export const lastGrid = $state({ address: 'browse' })
