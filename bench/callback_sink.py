"""A listener that says yes to every POST and does nothing else: what callbacks cost without us."""
import re
import selectors
import socket

YES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


def whole_requests(data):
    """How many requests have come completely, and what is left of a further one."""
    count = 0
    while True:
        head = data.find(b"\r\n\r\n")
        length = LENGTH.search(data, 0, head) if head >= 0 else None
        end = head + 4 + (int(length[1]) if length else 0)
        if head < 0 or len(data) < end:
            return count, data
        data = data[end:]
        count += 1


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    ready = selectors.EpollSelector()
    ready.register(listener, selectors.EVENT_READ)
    unread = {}
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                ready.register(connection, selectors.EVENT_READ)
                unread[connection] = b""
                continue
            connection = key.fileobj
            data = connection.recv(65536)
            if not data:
                ready.unregister(connection)
                connection.close()
                del unread[connection]
                continue
            count, unread[connection] = whole_requests(unread[connection] + data)
            if count > 0:
                connection.sendall(YES * count)


if __name__ == "__main__":
    main()
