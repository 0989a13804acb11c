"""Results as tables, charts and pages: CSV files, RESULTS.md and one HTML page."""
