"""What a month costs: python -m benchmarks.costs [--cloud aws|gcp] [--requests N] [--viewers N] [--json FILE].

How long each function computes was measured (`python -m benchmarks.costs.measure`, whose figures lie in
measured.json); what it waits for is assumed, and named in month.py. A function of N MB has N/1769 of a processor on
Lambda, and one processor on Cloud Run. How often it is called, its memory, queues and alarms are read from
template.yaml. Prices are list prices of one region as they were known at a date: prices.json, with their pages. They
must be checked before anybody relies on them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.costs import clouds
from benchmarks.costs.month import month

if TYPE_CHECKING:
    from benchmarks.costs.clouds import Line

HERE = Path(__file__).parent


def main() -> None:
    """Print the bill."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cloud", choices=("aws", "gcp"), default="aws")
    parser.add_argument("--cities", type=int, default=56)
    parser.add_argument("--requests", type=int, default=1_000_000, help="of the API in a month")
    parser.add_argument("--viewers", type=int, default=100, help="live connections on average, on AWS")
    parser.add_argument("--arch", choices=("x86_64", "arm64"), default="x86_64", help="on AWS")
    parser.add_argument("--free", action="store_true", help="less what is free each month for ever")
    parser.add_argument("--database", action="store_true", help="with the smallest database server")
    parser.add_argument(
        "--nat", action="store_true", help="on AWS: with a NAT gateway, for a database in a VPC"
    )
    parser.add_argument(
        "--json", type=Path, default=HERE / "measured.json", metavar="FILE", help="measured durations"
    )
    options = parser.parse_args()
    prices: dict[str, Any] = json.loads((HERE / "prices.json").read_text())
    needs = month(json.loads(options.json.read_text()), cities=options.cities, requests=options.requests)
    wanted = (
        clouds.aws(
            needs, arch=options.arch, database=options.database, nat=options.nat, viewers=options.viewers
        )
        if options.cloud == "aws"
        else clouds.gcp(needs, database=options.database)
    )
    of_cloud = prices[options.cloud]
    print(
        f"{options.cities} cities, {options.requests:,} requests; {of_cloud['region']}, "
        f"list prices of {prices['as_of']}"
    )
    _show(clouds.bill(wanted, of_cloud, free=options.free))


def _show(lines: list[Line]) -> None:
    print(f"\n| {'a month':<32} | {'quantity':>12} | unit     |     USD |\n|---|---:|---|---:|")
    for line in lines:
        quantity = f"{line.quantity:,.0f}" if line.quantity >= 100 else f"{line.quantity:.2f}"
        print(f"| {line.name:<32} | {quantity:>12} | {line.unit:<8} | {line.usd:>7.2f} |")
    print(f"| {'all':<32} | {'':>12} | {'':<8} | {sum(line.usd for line in lines):>7.2f} |")


if __name__ == "__main__":
    main()
