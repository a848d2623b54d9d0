"""What is trained, how it is initialized, and how it becomes a preset."""
