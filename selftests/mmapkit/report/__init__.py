"""Reports: what a person is shown of outcomes."""
