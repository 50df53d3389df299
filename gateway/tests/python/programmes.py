"""Programmes that tests put in force."""

HEAD = """
[programme]
name = "Test"
currency = "CNY"
zone = "Asia/Shanghai"
cutover = "04:00"

[[load_bonus]]
rule = "load-steps"
steps = [{ from = "100.00", bonus = "10.00" }]

[[purchase_points]]
rule = "spend-points"
per = "1.00"
gives = 1
"""


def product(name="standard", **settings):
    """A product's table; texts are quoted, tables (as text in braces) are not."""
    settings = {"name": name, "min_load": "1.00", "max_load": "5000.00", "max_balance": "5000.00"} | settings
    return f"\n[product.{name}]\n" + lines(settings)


def lines(settings):
    return "".join(f"{key} = {written(value)}\n" for key, value in settings.items())


def written(value):
    if isinstance(value, str) and not value.startswith("{"):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else value


def table(name, /, **settings):
    return f"\n[{name}]\n" + lines(settings)


PIN = HEAD + product(pin='{ from = "10.00", tries = 3 }', max_transfer="100.00") + product("other", pin='{ from = "0.00", tries = 2 }')
PEOPLE = HEAD + product(return_days=1) + table("till", cashiers="sign-on", tries=3, supervisor='{ refund_from = "20.00", void_from = "30.00", unload_from = "40.00", late_returns = true }')
NAMED = PEOPLE.replace("sign-on", "named")
CORPORATE = HEAD + product(max_transfer="100.00", max_unload="100.00", daily='{ purchases = 5, purchase_sum = "50.00" }') + product("account", account=True)
ENDING = HEAD + product(card_months=12)
LIMITS = HEAD + product(max_transfer="100.00", daily='{ refunds = 2, refund_sum = "30.00" }', monthly='{ loads = 3, purchase_sum = "60.00" }') + table(
    "limits", terminal_day='{ purchases = 4 }', cashier_day='{ load_sum = "250.00", refunds = 2 }') + table("till", cashiers="sign-on")
UNLOADING = HEAD + product(max_unload="150.00", max_transfer="100.00") + product("kept") + table("till", supervisor='{ unload_from = "100.00" }')
POINTS = HEAD + product() + product("plain") + """
[points_payment]
rule = "points-money"
products = ["standard"]
points = 100
pays = "1.00"
minimum = 50
step = 10
max_percent = 50
"""
OFFLINE = HEAD + product(offline=True, daily='{ purchases = 20 }') + table("offline", per_transaction="50.00", per_card="80.00", count=4, sum="150.00", hours=24)

MEMBERS = HEAD + product() + """
[membership]
joining = "free"
gift = { rule = "welcome", points = 10 }

[[referral]]
rule = "bring-a-friend"
on = "joining"
points = 30
own = 5
most = { times_day = 2 }

[[activity]]
code = "talk-enrol"
rule = "talk, enrolled"
points = 0
members = 2
most = { times = 1 }

[[activity]]
code = "talk-visit"
rule = "talk"
needs = "talk-enrol"
points = 20
per_unit = true

[[activity]]
code = "past"
rule = "over"
points = 7
when = { until = "2020-01-01" }
"""
JOINING = MEMBERS.replace('joining = "free"', 'joining = "spend"\nspend = "20.00"')
BUYING = MEMBERS.replace('joining = "free"', 'joining = "first-purchase"')
REDEEMING = HEAD + product() + product("locked", pin='{ from = "10.00", tries = 3 }') + """
[[catalogue]]
item = "mug"
name = "Mug"
points = 50
gives = "gift"
pieces = 3
most = { member = 2 }

[[catalogue]]
item = "cash"
name = "Money"
points = 40
bonus = "4.00"

[[catalogue]]
item = "past"
name = "Over"
points = 1
gives = "gift"
when = { until = "2020-01-01" }

[[entitlement]]
entitlement = "parking"
name = "Parking"
uses = [{ per_month = 2, per_year = 20 }]
"""


def item(name, title, **settings):
    return "\n[[catalogue]]\n" + lines({"item": name, "name": title, "gives": "gift"} | settings)


COURTESY = table("points.courtesy", kind=17, name="Courtesy", months=6)
RELEASING = HEAD[:HEAD.index("[[purchase_points]]")] + product() + product("other") + COURTESY + """
[[purchase_points]]
rule = "later"
products = ["standard"]
per = "1.00"
gives = 1
pending_days = 8

[[purchase_points]]
rule = "at-once"
products = ["other"]
per = "1.00"
gives = 1

[[load_bonus]]
rule = "load-points"
of = "courtesy"
every = true
steps = [{ from = "10.00", bonus = 1 }]
"""
TIERS = HEAD + product() + """
[[tier]]
key = "regular"
name = "Regular"

[[tier]]
key = "gold"
name = "Gold"
any = [{ spent = "50.00", months = 12 }, { loaded = "900.00", purchases = 3 }]
gift = { points = 100 }

[[tier]]
key = "supreme"
name = "Supreme"
any = [{ spent = "200.00" }]

[tiers]
promotion = "keep"
lasts_months = 12
refund_demotes = true
"""
EXCHANGING = RELEASING + TIERS[TIERS.index("[[tier]]"):] + """
[[catalogue]]
item = "exchange"
name = "Points for courtesy"
points = 1
of = "courtesy"
converts_to = { points = 10, of = "ordinary" }

[[catalogue]]
item = "golden"
name = "For gold"
points = 10
gives = "service"
when = { tiers = ["gold"] }

[[catalogue]]
item = "rich"
name = "For the rich"
points = 1
gives = "gift"
minimum = 1000

[[entitlement]]
entitlement = "lounge"
name = "Lounge"
uses = [{ tiers = ["gold"], per_year = 3 }, { tiers = ["supreme"] }]
"""
MULTIPLYING = HEAD + product() + """
[[purchase_points]]
rule = "tea"
units = 2
gives = 5
categories = ["tea"]

[[multiplier]]
rule = "double"
times = "2"

[[load_bonus]]
rule = "share"
steps = [{ from = "10.00", bonus = "5%" }]

[stacking]
load_bonus = "sum"
purchase_points = "sum"
"""
PRICED = HEAD + product() + """
[[price]]
rule = "tea-price"
off = "12.5%"
categories = ["tea"]

[[price]]
rule = "gift-price"
off = "100%"
items = ["gift"]
"""
CARRYING = HEAD[:HEAD.index("[[load_bonus]]")] + product(max_unload="1000.00") + COURTESY + """
[[load_bonus]]
rule = "first"
first_load = true
steps = [{ from = "10.00", bonus = "3.00" }]

[[load_bonus]]
rule = "courtesy"
of = "courtesy"
every = true
steps = [{ from = "10.00", bonus = 1 }]
most = { member_day = 500 }

[[purchase_points]]
rule = "carry"
per = "10.00"
gives = 3
remainder = "carry"
most = { member_day = 9, times = 20 }

[stacking]
load_bonus = "sum"
"""
