"""The benchmark: the same work on Equalizer, HAProxy, nginx and a bare relay, interleaved on one core."""
