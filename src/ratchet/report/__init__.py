"""Showing it: tables, plots, Markdown and HTML, each number a query over the ledger."""
