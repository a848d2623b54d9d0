"""Training of global descriptors: recipes, losses, mining, the loop, and a preset as the result."""
