"""The node of the embedded cluster: it runs pods, as local processes or in virtual time."""
