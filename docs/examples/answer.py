#!/usr/bin/env python3
"""A program for fathom's `command` adapter: one JSON request a line in, one JSON line each out.

    fathom run tabletop --adapter command --set command='python3 docs/examples/answer.py'
"""
import json
import sys


def answer(request):
    # A model would look at request["image"] and request["depth"] and read request["prompt"] here.
    if request["task"].endswith("-3d"):
        return "[(400, 600, 1.0), (500, 400, 1.0), (600, 600, 1.0)]"
    return "[(400, 600), (500, 400), (600, 600)]"


for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = {"id": request["id"], "text": answer(request)}
    except Exception as fault:  # one sample fails, the run goes on
        reply = {"id": request["id"], "error": repr(fault)}
    print(json.dumps(reply), flush=True)
