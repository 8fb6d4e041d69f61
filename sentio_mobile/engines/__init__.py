"""Work on libraries of songs by many machines: places that all of them see, shards, and Ray."""
