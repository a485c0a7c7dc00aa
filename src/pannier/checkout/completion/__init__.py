"""From a checkout to a paid order, in small steps: a file for each, with its undo.

    step        what it does                                                          its undo
    begin       the figures are agreed to, an attempt is written, the goods are held  give_up
    authorise   the provider is asked, between transactions                           give_back
    challenge   the shopper is sent to the provider's page, where she has to be       give_up
    place       the order, and everything it uses up, in one transaction              the order is canceled
    settle      the money is taken, where that comes last, and the order is paid

What was done is what the attempt says: its state, and whether it has an order. `runner` does what is next, for whoever
comes: the request itself, a webhook, the shopper who comes back, or the job that finds what a crash has left.
"""
