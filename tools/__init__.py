"""What builds and checks this repository; nothing here runs in a shop."""
