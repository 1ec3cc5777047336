"""A model made in six stages at three places, recomputed with plain arithmetic:
prints {stage: {category: per request}} as JSON. With "sites" a part of it is
served in France and each request asks another server; with "sites hours" the carbon
and water of what serves are those of the hours. Nothing of the program is used."""
import json
import sys

# per kWh: kg CO2e, L, kg Sb eq, MJ, USD
GRID = {"iowa": (0.352, 3.1, 9.855e-8, 9.6884, 0.0691), "france": (0.04418, 3.6737, 4.858e-8, 9.3135, 0.11),
        "us": (0.38355, 3.1321, 9.855e-8, 9.6884, 0.08), "dublin": (0.2797, 1.4769, 2.193e-8, 8.0614, 0.14)}
# PUE, L per IT kWh, server over accelerator energy
SITE = {"iowa": (1.12, 0.0, 1.6), "france": (1.26, 0.37, 1.6), "us": (1.2, 0.3, 1.6), "dublin": (1.19, 0.02, 1.5)}
# per accelerator, host share included: kg CO2e, kg Sb eq, MJ; years
CARD = {"h100": (164 + 5700 / 8, 0.0051 + 0.37 / 8, 1828 + 70000 / 8, 4), "a100": (127.6 + 5700 / 8, 0.0069 + 0.37 / 8, 2445 + 70000 / 8, 4),
        "l40s": (4200 / 8, 0.24 / 8, 56000 / 8, 5)}
STAGES = [("pretraining", "h100", "iowa", 180e3, 300e3), ("sft", "a100", "france", 3.2e3, 12e3), ("reward model", "a100", "france", 0.8e3, 3e3),
          ("ppo", "a100", "france", 5.5e3, 20e3), ("teacher tokens", "h100", "us", 9e3, 14e3), ("failed runs", "h100", "iowa", 210e3, 350e3)]
# place, card, parts of the metered energy and of the device time
SERVED = [("dublin", "l40s", 1, 1)]
# what each request asks of other servers: card, place, kWh, hours
ASKED = []
# joules of each host by the hour, and what a kWh is then at its place: kg CO2e, L
JOULES = {"dublin": [(100_000, 368_000)], "france": [(150_000, 50_000), (12_000, 40_000)]}
HOURS = {"dublin": [(0.31, 1.2), (0.19, 2.1)], "france": [(0.02, 4.0), (0.06, 3.0)]}
if sys.argv[1:2] == ["sites"]:
    SERVED = [("dublin", "l40s", 0.65, 2 / 3), ("france", "a100", 0.35, 1 / 3)]
    ASKED = [("retrieval", "h100", "us", 2e-5, 1e-5)]
LIFETIME, REQUESTS, SERVED_KWH, SERVED_HOURS = 2e9, 1000, 0.2, 1.5


def by_the_hour(place):
    used = [sum(host[i] for host in JOULES[place]) for i in range(2)]
    carbon, water = (sum(u * hour[k] for u, hour in zip(used, HOURS[place])) / sum(used) for k in range(2))
    return carbon, water, *GRID[place][2:]


def impacts(place, card, kwh, hours, grid=None):
    pue, wue, server = SITE[place]
    it = kwh * server
    facility = it * pue
    carbon, water, antimony, primary, price = grid or GRID[place]
    life = CARD[card][3] * 8760
    use = {"energy": facility, "gwp": facility * carbon, "water": it * wue + facility * water, "adpe": facility * antimony,
           "primary_energy": facility * primary, "cost": facility * price}
    made = {"gwp": hours / life * CARD[card][0], "adpe": hours / life * CARD[card][1], "primary_energy": hours / life * CARD[card][2]}
    return use, made


out = {}
for place, card, energy, devices in SERVED:
    grid = by_the_hour(place) if "hours" in sys.argv else None
    use, made = impacts(place, card, SERVED_KWH * energy, SERVED_HOURS * devices, grid)
    for stage, part in (("inference", use), ("embodied", made)):
        for k, v in part.items():
            out.setdefault(stage, {}).setdefault(k, 0)
            out[stage][k] += v / REQUESTS
for name, card, place, kwh, hours in ASKED:
    use, made = impacts(place, card, kwh, hours)
    out[name] = {k: v + made.get(k, 0) for k, v in use.items()}
for name, card, place, kwh, hours in STAGES:
    use, made = impacts(place, card, kwh, hours)
    out[name] = {k: (v + made.get(k, 0)) / LIFETIME for k, v in use.items()}
out["total"] = {k: sum(stage.get(k, 0) for stage in out.values()) for k in out["inference"]}
print(json.dumps(out))
