"""."""
TOPICS = ()
