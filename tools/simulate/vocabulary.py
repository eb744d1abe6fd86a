"""Names, codes and first numbers that stand in the file; the product words are invented."""

from typing import NamedTuple

FIRST_CUSTOMER, FIRST_INVOICE = 12_346, 489_434

# Weight of each country among the customers; they need not add up to 1.
COUNTRIES = {
    "United Kingdom": 0.905, "Germany": 0.022, "France": 0.02, "EIRE": 0.006, "Spain": 0.007,
    "Belgium": 0.006, "Switzerland": 0.005, "Portugal": 0.004, "Italy": 0.004, "Finland": 0.003,
    "Austria": 0.003, "Norway": 0.002, "Denmark": 0.002, "Netherlands": 0.002, "Sweden": 0.002,
    "Channel Islands": 0.002, "Australia": 0.002, "Japan": 0.001, "USA": 0.001,
    "Unspecified": 0.001,
}  # fmt: skip

# A product is called colour, motif, form; those of one motif are a range.
COLOURS = (
    "", "SAGE", "IVORY", "NAVY", "MUSTARD", "CORAL", "SLATE", "PLUM", "TEAL", "COPPER",
    "AMBER", "LILAC", "CHALK",
)  # fmt: skip
MOTIFS = (
    "HEDGEHOG", "LIGHTHOUSE", "BLUEBELL", "OTTER", "ACORN", "SAILBOAT", "PUFFIN", "FERN", "BADGER",
    "WINDMILL", "THISTLE", "HARE", "KINGFISHER", "COMPASS", "MEADOW", "LANTERN FISH", "GINKGO",
    "ORCHARD", "TEMPEST", "HARBOUR", "JUNIPER", "MAGPIE", "CLOVER", "COMET", "WALRUS", "PEBBLE",
    "SALAMANDER", "WILLOW", "MARQUEE", "CARTOGRAPHER'S",
)  # fmt: skip
FORMS = (
    "EGG CUP", "TEA TOWEL", "BISCUIT BARREL", "KEY HOOK", "BOOKEND", "JUG", "PENCIL ROLL",
    "DOOR WEDGE", "PICTURE LEDGE", "BUTTER DISH", "GIFT TAG, PACK OF 8", "SPICE RACK", "APRON",
    "LETTER OPENER", "CANDLE PLATE", "STORAGE CRATE", "NAPKIN RING", "SOAP TRAY", "TRINKET POT",
    "DESK CALENDAR", "WASH BAG", "CAKE SLICE", "PLANT MARKER", "COASTER, SET OF 4", "SEWING BOX",
    "WALL CLOCK", "TOY CRANE", "BATH MAT", "GARDEN TWINE", "RECIPE FOLDER", "PARTY CROWN",
    "PAPER STRAWS", "COIN PURSE", "LUNCH POT", "DRAWER KNOB", "HAND MIRROR", "MATCHBOX",
    "STICKY TAPE", "PLAYING CARDS", "EASEL",
)  # fmt: skip
MOST_PRODUCTS = len(COLOURS) * len(MOTIFS) * len(FORMS)

# What the stock room writes where the description belongs.
NOTES = ("?", "check", "broken", "lost", "Damaged", "water damage", "found", "given away")


class Extra(NamedTuple):
    """A last line that some invoices have besides their goods."""

    code: str
    description: str
    price: float  # pounds, once to three times


EXTRAS = (
    Extra("POST", "POSTAGE", 18.0),
    Extra("C2", "CARRIAGE", 50.0),
    Extra("DOT", "WEB POSTAGE", 45.0),
)
POST, C2, DOT = range(3)


class Charge(NamedTuple):
    """A kind of invoice with a single line that sells no product."""

    code: str
    description: str
    prefix: str  # of the invoice number
    has_customer: bool
    quantity: int
    lowest_price: float  # pounds
    highest_price: float
    rate: float  # invoices per 100,000 lines


CHARGES = (
    Charge("M", "Manual", "", True, 1, 1.25, 400.0, 50.0),
    Charge("M", "Manual", "", False, 1, 1.25, 800.0, 15.0),
    Charge("M", "Manual", "C", True, -1, 1.25, 400.0, 40.0),
    Charge("D", "Discount", "C", True, -1, 3.0, 160.0, 14.0),
    Charge("S", "SAMPLES", "C", False, -1, 3.0, 90.0, 12.0),
    Charge("POST", "POSTAGE", "C", True, -1, 18.0, 60.0, 20.0),
    Charge("BANK CHARGES", "Bank Charges", "C", False, -1, 5.0, 400.0, 5.0),
    Charge("BANK CHARGES", "Bank Charges", "", True, 1, 0.001, 0.001, 0.2),
    Charge("AMAZONFEE", "MARKET PLACE FEE", "C", False, -1, 200.0, 4000.0, 6.0),
    Charge("AMAZONFEE", "MARKET PLACE FEE", "", False, 1, 200.0, 4000.0, 0.4),
    Charge("CRUK", "Charity commission", "C", True, -1, 30.0, 600.0, 3.0),
    Charge("gift_0001_20", "Gift voucher £20.00", "", False, 1, 16.67, 16.67, 2.0),
    Charge("gift_0001_30", "Gift voucher £30.00", "", False, 1, 25.0, 25.0, 1.5),
    Charge("PADS", "PADS FOR ANY CUSHION", "", True, 1, 0.001, 0.001, 0.6),
    Charge("DCGSSGIRL", "PARTY BAG, ASSORTED", "", False, 2, 3.29, 3.29, 2.5),
)
BAD_DEBT = ("B", "Bad debt adjustment")
