"""The base of all rooms: files, options, threads, the registry. It knows nothing about photos."""
