"""The main job end to end: a script over public commands, with real traffic."""
