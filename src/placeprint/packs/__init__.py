"""An atlas in other forms: one file that moves between machines, and a folder of tables for other programs."""
