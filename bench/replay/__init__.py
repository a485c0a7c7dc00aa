"""A real wholesaler's invoices, replayed as carts and orders.

reader    CSV files to rows; every doubt about a row becomes a finding
planner   rows to a catalogue and invoices, pure
opening   the catalogue and its opening stock in the database
booking   one invoice through the services: cart, checkout, order
returns   which units came back of which sale, pure
taking_back  returns and adjustments through the services
report    what was booked, by the database's own count
command   the command line
"""
