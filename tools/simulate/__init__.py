"""An invented gift shop with known truth, in the shape of the *Online Retail* file.

One run writes two Parquet files: the shop's invoice lines, with the quirks that such exports
have, and the truth behind them, one row a customer. Nothing in them is taken from a real shop.

First all invoices are planned, at once, with one random generator: ``plan_shop``. Then their
lines are made a chunk at a time: ``line_chunks``. So a file of any length is written in bounded
memory, and the seed alone decides every value.

================ ===============================================================================
Module           Holds
================ ===============================================================================
shop             every parameter, the model of the customers behind them, and its sources
vocabulary       names and codes: countries, product words, postage, charges, stock notes
trading_times    weekdays, opening hours, holidays, the season
catalogue        products: name, code, price, pack, popularity, range
customers        who the customers are
events           one record an invoice: its fields, kinds and prefixes
orders           orders of customers, and invoices without a customer
cancellations    returns, and orders keyed in wrongly and reversed
single_lines     invoices of one line: charges, write-offs, gifts, bad debt, a void giant order
plan             all of the above in time order; scaling a shop to a number of lines
splitmix         the hash that stands in for a generator where lines are made
goods            what a line sells, how many and at what price
lines            whole lines: goods, postage, single lines, copies, returns; the file's columns
write            the two files, with the truth's columns
================ ===============================================================================
"""

from tools.simulate.catalogue import Catalogue
from tools.simulate.customers import draw_customers
from tools.simulate.events import RETURN, REVERSAL, SALE, SINGLE
from tools.simulate.lines import CHUNK_LINES, SCHEMA, line_chunks, make_lines
from tools.simulate.plan import Plan, plan_shop, shop_of_lines
from tools.simulate.shop import Shop
from tools.simulate.splitmix import child
from tools.simulate.trading_times import calendar
from tools.simulate.write import truth_table, write_shop

__all__ = [
    "CHUNK_LINES",
    "RETURN",
    "REVERSAL",
    "SALE",
    "SCHEMA",
    "SINGLE",
    "Catalogue",
    "Plan",
    "Shop",
    "calendar",
    "child",
    "draw_customers",
    "line_chunks",
    "make_lines",
    "plan_shop",
    "shop_of_lines",
    "truth_table",
    "write_shop",
]
