"""Learn the weights of evidence from several kinds of photos; see ``scripts/learn_evidence.py``."""
