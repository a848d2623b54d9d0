"""Read an atlas: its photos at one moment, searched by descriptor and verified by geometry."""
