"""Docs in, one vector a token out: word pieces, windows, the torch network, its thinc layer."""
