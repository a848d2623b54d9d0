"""Draw pictures: pure functions with arrays in and a picture out."""
