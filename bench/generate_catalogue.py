"""A large catalogue that does not exist: the same file for the same seed, as a Shopify product CSV.

python -m bench.generate_catalogue --variants 100000 > catalogue.csv

Products have three variants on average, of one or two options; a third of them is on sale or sold out somewhere, names
repeat words as real ones do (some hundred kinds of thing, a few thousand makers), and every SKU is its own.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
    "Option2 Name", "Option2 Value", "Variant SKU", "Variant Grams", "Variant Inventory Tracker",
    "Variant Inventory Qty", "Variant Inventory Policy", "Variant Price", "Variant Compare At Price",
    "Variant Requires Shipping", "Variant Taxable", "Variant Barcode", "Image Src", "Status",
)  # fmt: skip

# What there is, by department: name, whether it comes in sizes, and its things.
DEPARTMENTS: Sequence[tuple[str, bool, str]] = (
    ("Lighting", False, "lamp lantern chandelier sconce pendant spotlight floodlight uplighter nightlight candlestick"),
    ("Furniture", False, "table chair stool bench sofa armchair bookcase sideboard wardrobe dresser nightstand desk"),
    ("Kitchen", False, "kettle skillet saucepan casserole teapot colander whisk ladle spatula grater mortar toaster"),
    ("Tableware", False, "bowl plate mug carafe tumbler goblet platter saucer pitcher cutlery teacup decanter"),
    ("Bedding", True, "blanket duvet pillow quilt mattress sheet bedspread pillowcase comforter coverlet"),
    ("Clothing", True, "shirt sweater cardigan jacket trousers skirt waistcoat overcoat blouse hoodie jumper dress"),
    ("Footwear", True, "sneaker boot sandal loafer slipper clog moccasin brogue espadrille wellington"),
    ("Garden", False, "planter trellis wheelbarrow trowel hosepipe birdhouse watering-can hammock parasol lawnmower"),
    ("Electronics", False, "speaker headphones charger keyboard monitor webcam microphone projector router tripod"),
    ("Stationery", False, "notebook pencil envelope ruler stapler folder calendar inkwell sketchbook sharpener"),
    ("Toys", False, "puzzle kite marbles dollhouse rocking-horse yo-yo carousel spinning-top jigsaw balloon"),
    ("Sports", True, "racket bicycle helmet kayak snowboard dumbbell backpack treadmill wetsuit skateboard"),
)
MATERIALS = (
    "oak walnut beech bamboo marble brass copper steel linen cotton wool cashmere leather canvas ceramic porcelain"
    " glass crystal velvet rattan concrete granite aluminium birch mahogany suede denim silk jute terracotta"
).split()
MANNERS = (
    "classic modern rustic minimal vintage compact folding portable handmade glazed woven brushed polished quilted"
    " striped checked embroidered reversible insulated adjustable stackable waterproof lightweight seamless curved"
    " slender generous Nordic Alpine coastal industrial botanical geometric heritage everyday weekend summer winter"
).split()
COLOURS = "Black White Ivory Charcoal Navy Olive Crimson Mustard Turquoise Lavender Copper Sand Emerald Coral".split()
SIZES = "XS S M L XL XXL".split()
PLACES = "kitchen bedroom hallway garden office terrace studio bathroom nursery cabin workshop balcony".split()
_STARTS = "Al Bar Cor Dan El Fen Gal Hal Is Jor Kel Lin Mor Nor Os Pel Quin Ros Sol Tor Ul Ver Wil Yor Zel".split()
_MIDDLES = "a ber den e fa gar i len man o ran sel ta u ven".split()
_ENDS = "berg by dale ford gaard holm kamp lund mark nes quist rud sen strom ton vik wick wood".split()
_SENTENCES = (
    "A {manner} {thing} of {material} for the {place}.",
    "Made by hand in small batches, and signed underneath.",
    "Its {material} comes from the region and ages with grace.",
    "Wipe it with a damp cloth; keep it out of the dishwasher.",
    "Comes flat in one parcel and needs no tools.",
    "Goes well with {colour} and with anything of {other}.",
    "Guaranteed for ten years, repaired for as long as it lasts.",
)


def generate(variants: int, seed: int = 1) -> Iterator[tuple[str, ...]]:
    """Rows below COLUMNS, one a variant, until there are as many."""
    chance = random.Random(seed)
    makers = sorted({"".join(chance.choice(part) for part in (_STARTS, _MIDDLES, _ENDS)) for _ in range(3_000)})
    left = variants
    for number in itertools.count(1):
        for row in itertools.islice(_product(chance, number, makers), left):
            left -= 1
            yield row
        if left <= 0:
            return


def _product(chance: random.Random, number: int, makers: Sequence[str]) -> Iterator[tuple[str, ...]]:
    department, has_sizes, things = chance.choice(DEPARTMENTS)
    thing = chance.choice(things.split())
    manner, material, other = chance.choice(MANNERS), chance.choice(MATERIALS), chance.choice(MATERIALS)
    maker = makers[int(len(makers) * chance.random() ** 2)]
    place = chance.choice(PLACES)
    title = f"{maker} {manner} {material} {thing}".title()
    words = {"manner": manner, "material": material, "other": other, "thing": thing, "place": place}
    body = " ".join(
        sentence.format(**words, colour=chance.choice(COLOURS).lower())
        for sentence in (_SENTENCES[0], *chance.sample(_SENTENCES[1:], 3))
    )
    tags = ", ".join(sorted({material, place, manner, chance.choice(("new", "gift", "outlet", "bestseller"))}))
    base = round(4 + chance.paretovariate(1.2) * 12, 2)
    handle = f"{maker}-{manner}-{material}-{thing}-{number}".lower()
    first = (handle, title, f"<p>{body}</p>", maker, department, tags, "TRUE")
    for place_, (colour, size) in enumerate(_choices(chance, has_sizes=has_sizes)):
        price = round(min(base, 4_000) * (1 + 0.05 * place_), 2)
        compare_at = f"{price * 1.25:.2f}" if chance.random() < 0.15 else ""
        quantity = 0 if chance.random() < 0.15 else chance.randint(1, 400)
        sku = f"{department[:3].upper()}-{number:06d}-{colour[:3].upper()}{f'-{size}' if size else ''}"
        sized = ("Size", size) if size else ("", "")
        yield (
            *(first if place_ == 0 else (handle, "", "", "", "", "", "")),
            "Colour", colour, *sized, sku, str(chance.randint(50, 9_000)), "shopify", str(quantity),
            "deny", f"{price:.2f}", compare_at, "TRUE", "TRUE", f"40{number:08d}{place_:02d}", "",
            "active" if place_ == 0 else "",
        )  # fmt: skip


def _choices(chance: random.Random, *, has_sizes: bool) -> list[tuple[str, str]]:
    """Colours and sizes of a product's variants: seldom more than a dozen."""
    colours = chance.sample(COLOURS, 1 + int(3 * chance.random() ** 2))
    sizes = SIZES[chance.randint(0, 2) : chance.randint(4, 6)] if has_sizes else [""]
    return [(colour, size) for colour in colours for size in sizes]


def write(target: TextIO, variants: int, seed: int = 1) -> None:
    """The whole file."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(generate(variants, seed))


def main() -> None:
    """Write it to standard output."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(sys.stdout, options.variants, options.seed)


if __name__ == "__main__":
    main()
