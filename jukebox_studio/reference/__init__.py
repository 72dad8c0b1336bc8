"""`check-reference`: our numbers against golden vectors of the original code."""
