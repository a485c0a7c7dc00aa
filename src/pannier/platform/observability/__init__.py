"""What the process tells about itself: logs, metrics, and the id that ties them to a request."""
