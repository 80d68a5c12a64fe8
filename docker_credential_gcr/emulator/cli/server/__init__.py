"""Commands that run a server or tell other programs how to reach it."""
