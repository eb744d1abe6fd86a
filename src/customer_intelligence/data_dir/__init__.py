"""The data directory: its layout, atomic writes, and the lock.

`layout` alone says what its files and folders are called. `files` and `outputs` write in one step
that survives a crash, `lock` lets one process at a time change the directory, and `preflight` says
before a build that it cannot work.
"""
