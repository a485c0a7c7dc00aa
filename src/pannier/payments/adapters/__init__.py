"""Those who move money: one file each."""
