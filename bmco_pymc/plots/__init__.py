"""The pictures; they take draws, labels and sentences, and know neither fits nor models."""
