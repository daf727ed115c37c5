"""What upstream's end-to-end suites walk through, beside its own kubectl plugin and controller."""
