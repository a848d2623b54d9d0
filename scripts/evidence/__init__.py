"""What evidence is worth is learned here, from photos of several kinds; see ``scripts/learn_evidence.py``."""
