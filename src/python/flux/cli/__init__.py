"""What commands are made of: their main program, and the plugins of those that submit."""
