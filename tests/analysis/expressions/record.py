"""Asks expr-lang/expr itself what it makes of each expression in parity.yaml and differences.yaml.

`python -m tests.analysis.expressions.record` writes the answers into the files; it needs Go, and the module
that oracle/go.mod names. The suite needs neither: it holds our language to what is written there.
"""

import json
import math
import subprocess
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).parent
FILES = ("parity.yaml", "differences.yaml")


def main():
    """Record both files anew."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "oracle")
        subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "oracle", check=True)
        for name in FILES:
            _record(HERE / name, program)


def _record(path, program):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    heading = "".join(line for line in lines if line.startswith("#"))
    cases = yaml.safe_load("".join(lines))
    questions = "".join(json.dumps(_question(case)) + "\n" for case in cases)
    answered = subprocess.run([program], input=questions, capture_output=True, text=True, check=True)
    for case, line in zip(cases, answered.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        if "here" in case:
            case["upstream"] = answer.get("value", "error: " + answer.get("error", ""))
        else:
            case.pop("value", None)
            case.pop("error", None)
            case.update(answer)
    path.write_text(heading + "".join(map(_line, cases)), encoding="utf-8")


def _line(case):
    """A case in one line, in YAML's spelling of what JSON has no word for."""
    return "- {" + ", ".join(f'"{key}": {_written(key, value)}' for key, value in case.items()) + "}\n"


def _written(key, value):
    text = json.dumps(value, ensure_ascii=False)
    if key == "result":
        for word, spelled in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf")):
            text = text.replace(word, spelled)
    return text


def _question(case):
    result = case.get("result")
    numbers = isinstance(result, list) and result and all(type(item) in (int, float) for item in result)
    return {"expression": case["expression"], "result": _spelled(result), "vector": bool(numbers)}


def _spelled(value):
    """NaN and infinity as the oracle reads them; JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return {key: _spelled(item) for key, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
