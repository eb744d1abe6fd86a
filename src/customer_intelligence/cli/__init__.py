"""The command line `customer-intelligence`.

`commands` defines the commands, `ending` turns every outcome into an exit status and a coded line,
`project` finds the dbt project and runs dbt in it. Heavy modules are imported only when a command
needs them.
"""
