"""A bundle's answers for audio, as an app would get them: one song, many, or every moment of one."""
