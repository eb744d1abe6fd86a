"""Lists for people and their tools: marts, audiences and campaigns as CSV files.

Nobody is on a list who was erased, or who must not be contacted where the list asks for contact.
"""
