"""How a peer is asked: a request a line on standard input, a reply a line on standard output, both JSON, as
`driftline-bench query-serve` does it. See there (src/figures/queries/request.rs) for what they hold."""

import json
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa


def serve(connect):
    """`connect()` gives a client with `run(sql)`, which is timed, and `answer(sql)`, which gives an Arrow table."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = ask(connect, request)
        except Exception as error:  # Whatever a peer throws is what the caller has to hear.
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


def ask(connect, request):
    clients = request.get("clients", 1)
    done, threads = [None] * clients, []
    if request.get("answers"):
        return keep(connect(), request)
    begun = time.perf_counter()
    if clients == 1:
        done[0] = run(connect(), request["sql"], 0)
    else:
        def work(place):
            try:
                done[place] = run(connect(), request["sql"], place)
            except Exception as error:
                done[place] = error

        threads = [threading.Thread(target=work, args=[place]) for place in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for one in done:
        if isinstance(one, Exception):
            raise one
    return {"ms": sum(done, []), "wall_ms": (time.perf_counter() - begun) * 1e3}


def run(client, statements, place):
    """Milliseconds of each statement, from number `place` on and then those before it."""
    milliseconds = []
    for turn in range(len(statements)):
        sql = statements[(place + turn) % len(statements)]
        begun = time.perf_counter()
        client.run(sql)
        milliseconds.append((time.perf_counter() - begun) * 1e3)
    return milliseconds


def keep(client, request):
    """Writes the rows of each statement to a file, for whoever compares them."""
    rows = []
    for number, sql in enumerate(request["sql"]):
        table = client.answer(sql)
        rows.append(table.num_rows)
        with pa.ipc.new_file(Path(request["answers"]) / f"{number}.arrow", table.schema) as file:
            file.write_table(table)
    return {"rows": rows}
