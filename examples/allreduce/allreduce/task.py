"""An all-reduce over all replicas of a job, with nothing but TF_CONFIG and sockets.

The replicas form a ring. A running sum starts at the chief and passes every replica once; the total
then goes round a second time. Nobody is done before everybody has the total.
"""
import json
import logging
import os
import socket
import struct
import time

VECTOR = 1000
TIMEOUT_S = 120
FORMAT = "!%dd" % VECTOR


def ring(config):
    """Addresses of all replicas in ring order, chief first, and our own place in it."""
    cluster, task = config["cluster"], config["task"]
    chief = "chief" if "chief" in cluster else "master"
    roles = [chief] + sorted(role for role in cluster if role != chief)
    places = [(role, index) for role in roles for index in range(len(cluster[role]))]
    addresses = [cluster[role][index] for role, index in places]
    return addresses, places.index((task["type"], int(task["index"])))


def connect(address):
    host, port = address.rsplit(":", 1)
    end = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        except OSError:
            # The neighbour may not be up yet.
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def receive(connection):
    wanted = struct.calcsize(FORMAT)
    data = b""
    while len(data) < wanted:
        piece = connection.recv(wanted - len(data))
        if not piece:
            raise ConnectionError("the neighbour went away")
        data += piece
    return struct.unpack(FORMAT, data)


def send(connection, vector):
    connection.sendall(struct.pack(FORMAT, *vector))


def all_reduce(addresses, place, mine):
    server = socket.create_server(("", int(addresses[place].rsplit(":", 1)[1])), backlog=1)
    server.settimeout(TIMEOUT_S)
    after = connect(addresses[(place + 1) % len(addresses)])
    before, _ = server.accept()
    before.settimeout(TIMEOUT_S)
    if place == 0:
        send(after, mine)
        total = receive(before)
        send(after, total)
        receive(before)  # it has come round: every replica has seen it
        return total
    send(after, [a + b for a, b in zip(receive(before), mine)])
    total = receive(before)
    logging.info("all-reduce: this replica has the total")
    send(after, total)
    return total


def main():
    text = os.environ.get("TF_CONFIG", "{}")
    logging.info("TF_CONFIG: %s", text)
    config = json.loads(text)
    if not config.get("cluster"):
        logging.info("all-reduce: a single replica has nothing to add up")
        return
    addresses, place = ring(config)
    mine = [float((place + 1) * (i + 1)) for i in range(VECTOR)]
    total = mine if len(addresses) == 1 else all_reduce(addresses, place, mine)
    ranks = len(addresses) * (len(addresses) + 1) // 2
    expected = [float(ranks * (i + 1)) for i in range(VECTOR)]
    if list(total) != expected:
        raise SystemExit("all-reduce: the sum over %d replicas is wrong" % len(addresses))
    logging.info("all-reduce over %d replicas is right: first element %g", len(addresses), total[0])


if __name__ == "__main__":
    main()
