"""What clients notice when servers fail, behind Equalizer and behind HAProxy: `python -m bench.faults`."""
