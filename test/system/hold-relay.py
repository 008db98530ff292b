"""Between a command and its broker; holds an answer back.

hold-relay.py SOCKET BROKER TOPIC FILE: says "ready" when it listens. What a client sends
goes on to BROKER, and what comes back to the client; but once a client has sent TOPIC, what
comes back waits until FILE is there."""

import os
import select
import socket
import sys
import threading


def back(broker, client, asked, path):
    while data := broker.recv(65536):
        while asked.is_set() and not os.path.exists(path):
            select.select([], [], [], 0.01)
        client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def serve(client, target, topic, path):
    asked = threading.Event()
    broker = socket.socket(socket.AF_UNIX)
    broker.connect(target)
    threading.Thread(target=back, args=(broker, client, asked, path), daemon=True).start()
    try:
        while data := client.recv(65536):
            if topic.encode() in data:
                asked.set()
            broker.sendall(data)
    finally:
        broker.shutdown(socket.SHUT_WR)


def main(path, target, topic, until):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, target, topic, until),
                         daemon=True).start()


main(*sys.argv[1:])
