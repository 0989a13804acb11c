"""Networks that others have trained, read from their files as networks of this program (docs/published.md)."""
