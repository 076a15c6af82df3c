"""The book: executing notebooks, keeping records, building and checking pages."""
