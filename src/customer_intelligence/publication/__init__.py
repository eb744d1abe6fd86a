"""Publication: from the start of a dbt command to the version that readers see.

`start` prepares a command, `gate` decides at its end whether it publishes, `publish` makes a
version of the marts, `versions` makes one current, `reader` opens it and `summary` puts it into a
few lines.
"""
