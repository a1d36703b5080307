"""http.server of Python's standard library: `rest-server.py <HTTP/1.0 | HTTP/1.1>`; prints its port, and ends with its standard input."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", length=True):
        self.send_response(status)
        if length and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/hello":
            self.reply(200, f"hello {query}".encode())
        elif path == "/none":
            self.reply(204)
        elif path == "/to-the-end":
            self.close_connection = True
            self.send_response(200)
            if self.protocol_version == "HTTP/1.1":
                self.send_header("Connection", "close")
            self.end_headers()
            for i in range(20):
                self.wfile.write(f"{i};".encode())
        elif path == "/chunks" and self.protocol_version == "HTTP/1.1":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(20):
                piece = f"{i};".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/error":
            # Its own error page, which closes the connection.
            self.send_error(500, "as asked")
        else:
            self.reply(404, b"nothing here")

    do_HEAD = do_GET

    def do_POST(self):
        self.reply(200, self.rfile.read(int(self.headers["Content-Length"])))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_address[1]}), flush=True)
sys.stdin.read()
