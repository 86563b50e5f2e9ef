"""Text of functions that printed modules have in common."""
