"""The demo: three real shops, Equalizer before them, and a shopper who comes back from elsewhere."""
