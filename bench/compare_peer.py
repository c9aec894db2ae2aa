#!/usr/bin/env python3
"""Reads the JSON lines that compare-peer.sh left and prints the table; table.json beside them has the same."""
import glob
import json
import os
import sys

# Ours on the left; on the right the peer's forms of the same op, of which the fastest counts, and the wanted ratio.
OPS = {
    "op-logprob-gather": (["op-logprob-gather", "op-logprob-xent", "op-logprob-lse"], 4.5),
    "op-ppo-loss-entropy-logits": (["op-ppo-loss-entropy-logits"], 11),
    "op-ppo-loss-tokens": (["op-ppo-loss-tokens"], 50),
    "op-gae": (["op-gae-numpy-time-major", "op-gae-scan", "op-gae-jit-loop"], 20),
    "op-group-normalise": (["op-group-normalise", "op-group-normalise-by-hand"], 7),
    "op-sample-32": (["op-sample-inverse-cdf", "op-sample-multinomial"], 8),
    "op-adamw-15M": (["op-adamw-15M"], 3),
}
GROUPS = 16384  # of the two sizes of group-normalise and of sampling, the one that both sides time
SAMPLES = 32
TARGETS = {  # in float32, in bfloat16
    "train small 8x256": (1.45, 1.7), "train tiny 8x256": (1.9, 2.3), "train gpt2 4x512": (1.2, 1.5),
    "dpo small 8 pairs x 256": (1.65, 1.9), "grpo small 8x128": (3, 2.8), "ppo small 8x128": (3, 2.8),
    "grpo small 32x128": (2.2, 2.8), "ppo small 32x128": (2.2, 2.8),
    "gen-greedy small 1": (4.5, 6.5), "gen-greedy small 8": (5.5, 6.5), "gen-greedy small 32": (3.5, 4),
}


def median(values):
    return sorted(values)[len(values) // 2]


def read(path):
    with open(path) as lines:
        return [line for line in map(json.loads, lines) if line.get("what") != "setup"]


def seconds(lines, key):
    found = {}
    for line in lines:
        name = key(line)
        if name:
            found.setdefault(name, []).append(line)
    return {name: (median([l["median_s"] for l in all_]), median([l.get("peak_rss_mib", 0) for l in all_]),
                   median([l.get("share_of_floor", 0) for l in all_])) for name, all_ in found.items()}


def op_key(line):
    what = line["what"]
    if "group-normalise" in what and line.get("P", GROUPS) != GROUPS:
        return None
    if "sample" in what and line.get("B", SAMPLES) != SAMPLES:
        return None
    return what


def floor_of(line, ceilings):
    """Share of the time in which the measured ceilings would let the workload pass."""
    peak = ceilings["gigaflops"] * 1e9 * (2 if line["dtype"] == "bf16" else 1)
    drawing = max(line["generation_flops"] / peak, line["generation_bytes"] / (ceilings["gigabytes_per_second"] * 1e9))
    return line["training_flops"] / peak + drawing


def table(folder):
    rows = []
    measured = read(os.path.join(folder, "ceilings.jsonl"))
    ceilings = {key: max(line[key] for line in measured) for key in ("gigabytes_per_second", "gigaflops")}
    for ours_path in sorted(glob.glob(os.path.join(folder, "*.ours.jsonl"))):
        theirs_path = ours_path.replace(".ours.", ".theirs.")
        name = os.path.basename(ours_path)[:-len(".ours.jsonl")].replace("_", " ")
        ours, theirs = read(ours_path), read(theirs_path)
        if name == "ops":
            a, b = seconds(ours, op_key), seconds(theirs, op_key)
            for op, (time, _, share) in a.items():
                forms, target = OPS.get(op, ([], None))
                other = [b[form][0] for form in forms if form in b]
                rows.append(dict(row=op, ours=time, theirs=min(other) if other else None, target=target, floor=share))
            continue
        by = (lambda line: f"{line['what']} small {line['batch']}") if name.startswith("gen") else (lambda line: name)
        a, b = seconds(ours, by), seconds(theirs, by)
        narrow = ours[0].get("dtype") == "bf16"
        floors = {by(line): floor_of(line, ceilings) for line in ours}
        for what, (time, peak, _) in a.items():
            if what in b:
                rows.append(dict(row=what, ours=time, theirs=b[what][0], target=TARGETS.get(what, (None, None))[narrow], floor=floors[what] / time,
                                 ours_mib=peak, theirs_mib=b[what][1]))
    return rows


def main():
    folder = sys.argv[1]
    rows = table(folder)
    for row in rows:
        row["ratio"] = row["theirs"] / row["ours"] if row["theirs"] else None
    with open(os.path.join(folder, "table.json"), "w") as file:
        json.dump(rows, file, indent=1)
    print("| work | ours ms | theirs ms | ratio | wanted | of floor | ours MiB | theirs MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        number = lambda key, form, scale=1: form % (row[key] * scale) if row.get(key) else ""
        print("| %s | %.4g | %s | %s | %s | %s | %s | %s |" % (
            row["row"], row["ours"] * 1e3, number("theirs", "%.4g", 1e3), number("ratio", "%.2f"), number("target", "%.4g"),
            number("floor", "%.0f%%", 100), number("ours_mib", "%.0f"), number("theirs_mib", "%.0f")))


main()
