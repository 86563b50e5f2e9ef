"""Equations as Python text: reads, expressions, statements, the page."""
