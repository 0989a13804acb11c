"""What is drawn in reports: charts, figures and pictures of predictions."""
