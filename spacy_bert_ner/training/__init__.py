"""Training that can be interrupted, and averaging of what was trained."""
