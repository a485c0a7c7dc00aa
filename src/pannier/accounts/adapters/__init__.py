"""Ways to send mails."""
