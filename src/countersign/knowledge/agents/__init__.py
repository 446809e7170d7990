"""Agents: who answers, from which records, with which words of instruction."""
