"""What `rollouts lint` does: read documents, judge each, then judge them together."""
