# Echoes the lines of standard input.
{ print; fflush() }
