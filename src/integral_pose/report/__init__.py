"""What was measured as pages to read: RESULTS.md and one HTML page, from the files in results/ alone."""
