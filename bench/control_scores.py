#!/usr/bin/env python3
"""Tables of the runs that control-scores.sh left: returns of 500 deterministic episodes, and the learning curve.

A point of the curve is the mean return of the training episodes that ended within that tenth of the run, over the seeds.
"""
import json
import pathlib
import statistics
import sys


def read(run):
    summary = json.loads((run / "summary.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = rows[-1]["global_step"]
    tenths = [[] for _ in range(10)]
    for row in rows:
        if "charts/episodic_return" in row:
            tenths[min(9, (row["global_step"] - 1) * 10 // steps)].append(row["charts/episodic_return"])
    return summary["methods"][0]["reward"]["after"], steps, [statistics.mean(tenth) if tenth else None for tenth in tenths]


def mean(values):
    values = [value for value in values if value is not None]
    return f"{statistics.mean(values):.0f}" if values else "-"


def main():
    tasks = sorted({path.parents[1] for path in pathlib.Path(sys.argv[1]).glob("*/*/summary.json")})
    found = {task.name: [read(run) for run in sorted(task.iterdir())] for task in tasks}
    print("| task | steps | return of each seed | mean | deviation | last tenth of training |\n|---|---|---|---|---|---|")
    for name, runs in found.items():
        returns = [score for score, _, _ in runs]
        ends = [curve[-1] for _, _, curve in runs]
        print(f"| {name} | {runs[0][1]:,} | {', '.join(f'{score:.1f}' for score in returns)} | {statistics.mean(returns):.1f} | "
              f"{statistics.stdev(returns):.1f} | {statistics.mean(ends):.1f} +- {statistics.stdev(ends):.1f} |")
    print("\n| task | " + " | ".join(f"{10 * tenth}%" for tenth in range(1, 11)) + " |\n|---|" + "---|" * 10)
    for name, runs in found.items():
        print(f"| {name} | " + " | ".join(mean([curve[tenth] for _, _, curve in runs]) for tenth in range(10)) + " |")


if __name__ == "__main__":
    main()
