"""Tables as other people's programs write them."""
