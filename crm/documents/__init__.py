"""Paper: finished PDFs from plain data. Knows nothing of the database, nor of who asks for a document."""
