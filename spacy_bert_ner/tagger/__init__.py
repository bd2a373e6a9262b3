"""Token vectors in, entity spans out: tag scheme, head, loss, decoding."""
