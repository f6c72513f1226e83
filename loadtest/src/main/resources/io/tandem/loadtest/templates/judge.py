"""Renders pairs by Python's Jinja2 as HuggingFace's transformers set it up: judge.py NOW < PAIRS > OUTCOMES."""

import json
import sys
from datetime import datetime

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """The tag around what the assistant says; it changes nothing in the text."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


now = datetime.fromisoformat(sys.argv[1].replace("Z", "+00:00"))
environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = now.strftime


def outcome(pair):
    try:
        return {"text": environment.from_string(pair["source"]).render(**pair["variables"])}
    except Exception as e:
        return {"refusal": f"{type(e).__name__}: {e}"}


json.dump([outcome(pair) for pair in json.load(sys.stdin)], sys.stdout)
