"""The command `customer-intelligence`: what a person can ask for, and how each answer ends.

`commands` has the commands, `ending` turns every way to end into an exit status and a coded word,
`project` finds the dbt project and runs dbt in it. Nothing heavy is imported before a command
needs it.
"""
