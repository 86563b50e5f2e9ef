"""Writes `spec/grammar.json`, the parser's tables, after a change of `spec/grammar.lark`."""

from rnnc.spec.tables import GRAMMAR, TABLES, tables

if __name__ == "__main__":
    TABLES.write_text(tables(GRAMMAR.read_text("ascii")), "ascii")
