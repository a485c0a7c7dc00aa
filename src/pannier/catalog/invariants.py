"""What must hold of the catalogue."""

from __future__ import annotations

from pannier.platform.invariants import Invariant

INVARIANTS = (
    Invariant(
        "variant.display",
        "What carts and lists show of a variant is what its product, images, categories and prices say",
        """select v.id, v.product_id, v.display, s.display as current
             from variant v
             join catalog_shown((select array_agg(id) from product)) s on s.variant_id = v.id
            where (v.display::text, v.is_sellable, v.channels, v.plain_prices, v.has_other_prices)
                  is distinct from (s.display::text, s.is_sellable, s.channels, s.plain_prices, s.has_other_prices)""",
        "select * from catalog_repair($1)",
    ),
    Invariant(
        "price.list",
        "A price is of a list that there is, in the list's currency, and within a time",
        """select p.id, p.price_list, p.currency, l.currency as currency_of_list
             from price p left join price_list l on l.code = p.price_list
            where l.id is null or p.currency <> l.currency or p.valid_from >= p.valid_to""",
    ),
    Invariant(
        "search.products",
        "The search finds every product that is on show, by its words, filters and prices of now, and no other",
        "select product_id from catalog_search_stale()",
        "select * from catalog_search_repair($1)",
    ),
    Invariant(
        "search.words",
        "Every word of four letters or more that the search finds is one that a mistyped word is compared with",
        """select w.word from (select distinct l.lexeme as word, s.product_id
                 from product_search s cross join lateral unnest(ts_filter(s.document, '{a,b}')) l
                where length(l.lexeme) >= 4 and l.lexeme !~ '[0-9/]') w
            where not exists (select 1 from search_word k where k.word = w.word)
              and w.product_id not in (select t.subject from search_task t where t.kind <> 'stock')""",
        "select * from catalog_search_repair($1)",
    ),
)
