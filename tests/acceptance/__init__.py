"""Runs acceptance cases through the real services on a real database, and writes what came out.

    python -m tests.acceptance DIR --out FILE [--only area,area] [--jobs N]

A case tells of a shop (`given`), of what happens (`when`), of the house rules (`policy`) and of what must come out
(`then`). This package translates names and nothing else: it works out no figure and knows no rule.

    house.py      house rules            -> settings of the shop
    given.py      the shop of a case     -> products, prices, stock, carts, by the services
    steps/        operations             -> calls of the services, a function for each, found by its name
    refusals.py   errors of the services -> kinds of the cases
    answers.py    what the services say  -> the sections of `then`, a function for each, found by its name
"""
