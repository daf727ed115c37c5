"""The nouns: the custom resources as frozen models. No I/O, no clock, no client."""
