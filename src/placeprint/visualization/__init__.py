"""Pictures: pure functions, arrays in, picture out."""
