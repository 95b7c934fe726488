// The stock Socket.IO server as its documentation sets it up, with the one thing a push server needs beside it:
// an HTTP endpoint through which an app posts messages. Body: one message or a list of {channel, ...}; each goes
// to the sockets of its channel as the event "message". A socket names its channel in the handshake's query.

import { createServer } from "node:http";
import { Server } from "socket.io";

const [host, port] = (process.argv[2] ?? "127.0.0.1:8000").split(":");

const http = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/message") {
    publish(request, response);
  } else if (request.url === "/readyz") {
    response.end("ok");
  } else if (!request.url.startsWith("/socket.io/")) {
    response.writeHead(404).end();
  }
});

const io = new Server(http);
io.on("connection", (socket) => socket.join(socket.handshake.query.channel));

function publish(request, response) {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = JSON.parse(Buffer.concat(parts).toString());
    for (const message of Array.isArray(body) ? body : [body]) {
      io.to(message.channel).emit("message", message);
    }
    response.writeHead(200, { "content-type": "application/json" }).end("true");
  });
}

process.on("SIGTERM", () => process.exit(0));
http.listen(Number(port), host, 4096);
