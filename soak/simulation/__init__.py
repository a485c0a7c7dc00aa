"""A shop under a scheduler: who goes on at every await is drawn from a seed, and so is who dies there.

scheduler.py   actors that stop before whatever another could change, and who of them goes on
lines.py       the database's connections, with those stops
chance.py      ids and secrets from the seed
shop.py        one database for all seeds, brought back to its beginning before each
cast.py        what people, workers and time do
books.py       what must hold when all is over
play.py        one seed from beginning to end
"""
