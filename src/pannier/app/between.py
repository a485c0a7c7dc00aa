"""What the supervisor and its workers have agreed on.

It imports nothing: the supervisor starts the workers before it does anything else, and what it imports until then is
time in which they could import what they need.
"""

from __future__ import annotations

#: The application of a shop, as `module:factory`.
DEFAULT_APP = "pannier.app:create_app"
#: What a worker says when it answers.
READY = b"1"
URL_VARIABLE = "PANNIER_DATABASE_URL"
#: Workers that are several add their figures up in files of the directory that this names; prometheus_client reads it.
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: Long enough for a client that sends steadily to hear on its connection that it is the last answer.
LAST_CALL_S = 1.0
