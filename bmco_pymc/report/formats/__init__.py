"""A document's blocks in each format: text, Markdown, HTML, LaTeX, docx."""
