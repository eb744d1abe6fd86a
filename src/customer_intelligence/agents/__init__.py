"""Answers for agents, over the Model Context Protocol: read-only, from the published marts.

`answers` holds what can be asked, as plain functions; `server` offers them as tools. No tool takes
SQL, and every answer says which version it is from, what it does not cover, and how far a
prediction in it can be trusted.
"""
