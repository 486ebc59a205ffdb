"""The table of `./run bench`: reads the rows that benchmarks print (tools/bench.sh says how) and judges them.

Exit status 0 also with missed targets: a figure is read, not gated, because machines and neighbours differ.
"""
import dataclasses
import os
import statistics
import sys

HEADINGS = ("what", "ours", "unit", "peer or floor", "ratio", "target", "verdict")
LIMITS = {"max": "<= {:g}", "min": ">= {:g}", "max_ratio": "<= {:g}x", "min_ratio": ">= {:g}x"}


@dataclasses.dataclass
class Row:
    """One name with the values of every round."""
    name: str
    unit: str
    ours: list = dataclasses.field(default_factory=list)
    peer_label: str = ""
    peers: list = dataclasses.field(default_factory=list)
    limits: dict = dataclasses.field(default_factory=dict)
    skip: str = ""
    note: str = ""

    def value(self):
        return statistics.median(self.ours)

    def ratio(self):
        peer = statistics.median(self.peers) if self.peers else 0
        return self.value() / peer if peer else None

    def verdict(self):
        """"met", "MISSED", "skipped" where the peer is missing, "" without a target."""
        if not self.limits:
            return ""
        outcomes = []
        for kind, limit in self.limits.items():
            measured = self.ratio() if kind.endswith("_ratio") else self.value()
            if measured is None:
                outcomes.append(None)
            else:
                outcomes.append(measured <= limit if kind.startswith("max") else measured >= limit)
        if False in outcomes:
            return "MISSED"
        return "skipped" if None in outcomes else "met"


def number(value):
    """Three significant digits, without an exponent."""
    if value >= 1e5:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def parse(line, rows):
    """Adds one `bench` line to `rows`; ValueError says what is wrong with it."""
    words = line.split(" ")
    if len(words) < 4:
        raise ValueError("needs ROW VALUE UNIT")
    name, value, unit = words[1], float(words[2]), words[3]
    row = rows.setdefault(name, Row(name, unit))
    if row.unit != unit:
        raise ValueError(f"'{name}' was in {row.unit} before")
    row.ours.append(value)
    rest = words[4:]
    while rest:
        word = rest.pop(0)
        key, equals, text = word.partition("=")
        if word == "target":
            row.note, rest = " ".join(rest), []
        elif key in ("note", "skip") and equals:
            setattr(row, key, " ".join([text, *rest]))
            rest = []
        elif key == "peer" and equals:
            label, _, peer = text.rpartition(":")
            row.peer_label = label
            row.peers.append(float(peer))
        elif key in LIMITS and equals:
            row.limits[key] = float(text)
        elif word:
            raise ValueError(f"unknown word '{word}'")


def cells(row):
    ratio = row.ratio()
    peer = f"{row.peer_label} {number(statistics.median(row.peers))}" if row.peers else row.skip and "not here"
    target = ", ".join(LIMITS[kind].format(limit) for kind, limit in row.limits.items())
    return (row.name, number(row.value()), row.unit, peer or "", f"{ratio:.2f}" if ratio is not None else "", target,
            row.verdict())


def table(lines, colour):
    """The text of the table, and the notes under it."""
    rows, problems = {}, []
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("failed "):
            problems.append(line)
            continue
        try:
            parse(line, rows)
        except ValueError as error:
            problems.append(f"bad line: {line}: {error}")
    body = [cells(row) for row in rows.values()]
    widths = [max(len(line[i]) for line in [HEADINGS, *body]) for i in range(len(HEADINGS))]
    paint = {"met": "\033[32m", "MISSED": "\033[31;1m", "skipped": "\033[33m"}
    out = []
    for line in [HEADINGS, *body]:
        padded = [text.rjust(width) if i in (1, 4) else text.ljust(width) for i, (text, width) in enumerate(zip(line, widths))]
        if colour and line is HEADINGS:
            padded = ["\033[1m" + text + "\033[0m" for text in padded]
        elif colour and line[-1] in paint:
            padded[-1] = paint[line[-1]] + padded[-1] + "\033[0m"
        out.append("  ".join(padded).rstrip())
    for row in rows.values():
        for label, text in (("skipped", row.skip), ("note", row.note)):
            if text:
                out.append(f"  {row.name}: {text if label == 'note' else 'no peer: ' + text}")
    out += problems
    verdicts = [row.verdict() for row in rows.values()]
    out.append("{} met, {} missed, {} not judged for want of a peer, {} without a target, {} benchmarks failed".format(
        verdicts.count("met"), verdicts.count("MISSED"), verdicts.count("skipped"), verdicts.count(""), len(problems)))
    return "\n".join(out)


def main():
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with open(sys.argv[1], encoding="utf-8") as lines:
        print(table(lines, colour))


if __name__ == "__main__":
    main()
