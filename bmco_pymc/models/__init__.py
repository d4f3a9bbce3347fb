"""The analyses, a declaration each."""
