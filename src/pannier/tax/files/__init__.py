"""Files of tax rates that others keep, each read into the same rows."""
